//! Owns a recorded disk: all writes and flushes in their order.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, anyhow};

use super::blocks::{Block, Layer, Layers};
use super::fuse::{Content, Served};
use crate::machine::Machine;

pub(super) enum Entry {
    Write(Vec<(u64, Block)>),
    Flush,
}

struct Log {
    disk: Layers,
    entries: Vec<Entry>,
}

impl Content for Log {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.disk.read(offset, buffer)
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        let blocks = self.disk.write(offset, data)?;
        self.entries.push(Entry::Write(blocks));
        Ok(())
    }

    fn flush(&mut self) {
        self.entries.push(Entry::Flush);
    }
}

/// Records what a machine's disk is asked for, until [`Recorder::finish`]. The image file stays as it is.
pub struct Recorder {
    served: Served,
    log: Arc<Mutex<Log>>,
    file: Arc<File>,
    path: PathBuf,
}

/// What was recorded, on top of the machine's disk as it was and is.
pub struct Recording {
    pub(super) entries: Vec<Entry>,
    pub(super) file: Arc<File>,
    pub(super) path: PathBuf,
}

impl Machine {
    /// Records the disk from now on; the machine is off.
    pub fn record(&self) -> Result<Recorder> {
        self.disk.must_be_off()?;
        let path = self.disk.image.clone();
        let file = OpenOptions::new().read(true).open(&path);
        let file = Arc::new(file.with_context(|| format!("cannot open '{}'", path.display()))?);
        let log = Arc::new(Mutex::new(Log {
            disk: Layers {
                file: file.clone(),
                below: Arc::default(),
                top: Layer::new(),
            },
            entries: Vec::new(),
        }));
        Ok(Recorder {
            served: Served::start(&path, size(&file)?, log.clone())?,
            log,
            file,
            path,
        })
    }
}

impl Recorder {
    /// How much was recorded: a moment in the log.
    pub fn position(&self) -> Result<usize> {
        let log = self.log.lock().map_err(|_| anyhow!("the recorder died"))?;
        Ok(log.entries.len())
    }

    /// Ends the recording; the machine is off.
    pub fn finish(self) -> Result<Recording> {
        drop(self.served);
        let mut log = self.log.lock().map_err(|_| anyhow!("the recorder died"))?;
        let mut entries = std::mem::take(&mut log.entries);
        // The end is a cut like any other.
        entries.push(Entry::Flush);
        Ok(Recording {
            entries,
            file: self.file,
            path: self.path,
        })
    }
}

impl Recording {
    /// Numbers of writes and flushes.
    pub fn size(&self) -> (usize, usize) {
        let flushes = self.flushes().count();
        (self.entries.len() - flushes, flushes)
    }

    /// The last flush before a moment: what was acknowledged then is in every cut from there on.
    pub fn last_flush(&self, position: usize) -> usize {
        let before = self.flushes().take_while(|flush| *flush <= position);
        before.last().unwrap_or(0)
    }

    /// How many entries there are up to each flush, with it.
    pub(super) fn flushes(&self) -> impl Iterator<Item = usize> {
        let numbered = self.entries.iter().enumerate();
        numbered
            .filter(|(_, entry)| matches!(entry, Entry::Flush))
            .map(|(at, _)| at + 1)
    }
}

pub(super) fn size(file: &File) -> Result<u64> {
    let metadata = file.metadata();
    Ok(metadata.context("cannot look at a disk image")?.len())
}
