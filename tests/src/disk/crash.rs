//! Owns disks as a power cut left them: made from a recording, and written to without leaving a trace.

use std::io;
use std::sync::{Arc, Mutex};

use anyhow::Result;

use super::blocks::{Layer, Layers};
use super::cuts::Cut;
use super::fuse::{Content, Served};
use super::recording::{Entry, Recording, size};

/// A machine's disk in such a state, until this is dropped: what is written to it goes away with it.
pub struct Crash {
    _served: Served,
}

struct Overlay(Layers);

impl Content for Overlay {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, buffer)
    }

    fn write(&mut self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data).map(|_| ())
    }

    fn flush(&mut self) {}
}

impl Recording {
    /// For many cuts in the order of the log.
    pub fn player(&self) -> Player<'_> {
        Player {
            recording: self,
            applied: 0,
            below: Arc::default(),
        }
    }
}

/// Makes one state after another, without beginning anew each time.
pub struct Player<'r> {
    recording: &'r Recording,
    applied: usize,
    below: Arc<Layer>,
}

impl Player<'_> {
    /// Gives the machine the disk that a power cut left. The cut must not be before the last one.
    pub fn crash(&mut self, cut: &Cut) -> Result<Crash> {
        let entries = &self.recording.entries;
        let below = Arc::make_mut(&mut self.below);
        for entry in entries.get(self.applied..cut.durable).unwrap_or_default() {
            if let Entry::Write(blocks) = entry {
                below.extend(blocks.iter().cloned());
            }
        }
        self.applied = self.applied.max(cut.durable);
        let mut top = Layer::new();
        for (entry, block) in &cut.loose {
            if let Some(Entry::Write(blocks)) = entries.get(*entry) {
                top.extend(blocks.get(*block).cloned());
            }
        }
        let file = self.recording.file.clone();
        let size = size(&file)?;
        let disk = Overlay(Layers {
            file,
            below: self.below.clone(),
            top,
        });
        Ok(Crash {
            _served: Served::start(&self.recording.path, size, Arc::new(Mutex::new(disk)))?,
        })
    }
}
