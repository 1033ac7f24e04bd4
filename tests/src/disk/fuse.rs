//! Owns a file whose reads, writes and flushes we answer ourselves: the kernel's FUSE protocol, as far as a loop device
//! needs it. Mounted over the file that it stands for, so that nobody has to know another path.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};

use crate::mounted::wait_released;

/// What is in the file.
pub(super) trait Content: Send + 'static {
    /// Fills the buffer.
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
    /// Takes data.
    fn write(&mut self, offset: u64, data: &[u8]) -> io::Result<()>;
    /// All that was written before must outlive a power cut.
    fn flush(&mut self);
}

/// A file that is served until this is dropped.
pub(super) struct Served {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    server: Option<JoinHandle<()>>,
}

/// Of one request; the kernel splits what is larger.
const MAX_TRANSFER: usize = 1024 * 1024;
const MAX_PAGES: u16 = 256;
const PROTOCOL: (u32, u32) = (7, 31);
const ASYNC_READ: u32 = 1;
const BIG_WRITES: u32 = 1 << 5;
const HAS_MAX_PAGES: u32 = 1 << 22;
const IN_HEADER: usize = 40;
const IN_TRANSFER: usize = 40;
const OUT_HEADER: u32 = 16;
/// Only where another mount namespace keeps the mount alive, nobody tells us that it is over.
const LOOK_FOR_STOP: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// `linux/fuse.h`
mod opcode {
    pub const FORGET: u32 = 2;
    pub const GETATTR: u32 = 3;
    pub const OPEN: u32 = 14;
    pub const READ: u32 = 15;
    pub const WRITE: u32 = 16;
    pub const STATFS: u32 = 17;
    pub const RELEASE: u32 = 18;
    pub const FSYNC: u32 = 20;
    pub const FLUSH: u32 = 25;
    pub const INIT: u32 = 26;
    pub const INTERRUPT: u32 = 36;
    pub const BATCH_FORGET: u32 = 42;
}

impl Served {
    /// Serves `content` of `size` bytes in the place of the file `path`.
    pub(super) fn start<C: Content>(
        path: &Path,
        size: u64,
        content: Arc<Mutex<C>>,
    ) -> Result<Self> {
        let device = OpenOptions::new().read(true).write(true).open("/dev/fuse");
        let device = device.context("cannot open '/dev/fuse': 'modprobe fuse' may help")?;
        let options = CString::new(options(device.as_raw_fd()))?;
        let options = Some(options.as_c_str());
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        rustix::mount::mount("disk", path, "fuse", flags, options)
            .with_context(|| format!("cannot mount over '{}'", path.display()))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let server = std::thread::spawn(move || serve(device, size, &content, &stopped));
        Ok(Self {
            path: path.to_owned(),
            stop,
            server: Some(server),
        })
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Err(error) = wait_released(&self.path) {
            eprintln!("{error:#}");
        }
        let unmount = |flags| rustix::mount::unmount(&self.path, flags);
        if let Err(error) =
            unmount(UnmountFlags::empty()).or_else(|_| unmount(UnmountFlags::DETACH))
        {
            eprintln!("cannot unmount '{}': {error}", self.path.display());
        }
        self.stop.store(true, Ordering::Relaxed);
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

fn options(device: RawFd) -> String {
    format!("fd={device},rootmode=100600,user_id=0,group_id=0,allow_other,max_read={MAX_TRANSFER}")
}

/// Answers requests until the file is unmounted. When the device is closed, what still waits for answers fails.
fn serve<C: Content>(mut device: File, size: u64, content: &Mutex<C>, stop: &AtomicBool) {
    let mut request = vec![0; MAX_TRANSFER + 2 * 4096];
    while !stop.load(Ordering::Relaxed) {
        let mut waiting = [PollFd::new(&device, PollFlags::IN)];
        if !matches!(poll(&mut waiting, Some(&LOOK_FOR_STOP)), Ok(ready) if ready > 0) {
            continue;
        }
        let length = match device.read(&mut request) {
            Ok(length) => length,
            // It was interrupted before we could read it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let Some((code, unique)) = u32_at(&request, 4).zip(u64_at(&request, 8)) else {
            return;
        };
        let body = request.get(IN_HEADER..length).unwrap_or_default();
        let answer = match code {
            opcode::FORGET | opcode::BATCH_FORGET | opcode::INTERRUPT => continue,
            _ => match content.lock() {
                Ok(mut content) => answer(code, body, size, &mut *content),
                Err(_) => Err(Errno::IO.raw_os_error()),
            },
        };
        let (error, data) = match answer {
            Ok(data) => (0, data),
            Err(error) => (-error, Vec::new()),
        };
        let mut reply = Vec::with_capacity(OUT_HEADER as usize + data.len());
        reply.extend((OUT_HEADER + data.len() as u32).to_ne_bytes());
        reply.extend(error.to_ne_bytes());
        reply.extend(unique.to_ne_bytes());
        reply.extend(data);
        // Who asked may be gone.
        let _ = device.write(&reply);
    }
}

/// The answer to one request, or the number of an error.
fn answer<C: Content>(code: u32, body: &[u8], size: u64, content: &mut C) -> Result<Vec<u8>, i32> {
    let failed = |error: io::Error| error.raw_os_error().unwrap_or(Errno::IO.raw_os_error());
    let invalid = Errno::INVAL.raw_os_error();
    match code {
        opcode::INIT => Ok(init(u32_at(body, 8).ok_or(invalid)?)),
        opcode::GETATTR => Ok(attributes(size)),
        // A file handle and flags, none of which we need.
        opcode::OPEN => Ok(vec![0; 16]),
        opcode::STATFS => Ok(vec![0; 80]),
        opcode::RELEASE | opcode::FLUSH => Ok(Vec::new()),
        opcode::READ => {
            let offset = u64_at(body, 8).ok_or(invalid)?;
            let wanted = u64::from(u32_at(body, 16).ok_or(invalid)?);
            let mut data = vec![0; wanted.min(size.saturating_sub(offset)) as usize];
            content.read(offset, &mut data).map_err(failed)?;
            Ok(data)
        }
        opcode::WRITE => {
            let offset = u64_at(body, 8).ok_or(invalid)?;
            let data = body.get(IN_TRANSFER..).ok_or(invalid)?;
            content.write(offset, data).map_err(failed)?;
            let mut written = (data.len() as u32).to_ne_bytes().to_vec();
            written.extend([0; 4]);
            Ok(written)
        }
        opcode::FSYNC => {
            content.flush();
            Ok(Vec::new())
        }
        // Extended attributes, holes, discards: the kernel asks once, and does without.
        _ => Err(Errno::NOSYS.raw_os_error()),
    }
}

/// `struct fuse_init_out`
fn init(max_readahead: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let flags = ASYNC_READ | BIG_WRITES | HAS_MAX_PAGES;
    for word in [PROTOCOL.0, PROTOCOL.1, max_readahead, flags] {
        out.extend(word.to_ne_bytes());
    }
    // Requests in the background, and when there are many of them.
    for half in [32_u16, 24] {
        out.extend(half.to_ne_bytes());
    }
    for word in [MAX_TRANSFER as u32, 1] {
        out.extend(word.to_ne_bytes());
    }
    out.extend(MAX_PAGES.to_ne_bytes());
    out.resize(64, 0);
    out
}

/// `struct fuse_attr_out` of a plain file, valid for ever.
fn attributes(size: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let (inode, blocks) = (1_u64, size / 512);
    for long in [u64::from(u32::MAX), 0, inode, size, blocks, 0, 0, 0] {
        out.extend(long.to_ne_bytes());
    }
    let (mode, links, block_size) = (0o100_600_u32, 1, 4096);
    for word in [0, 0, 0, mode, links, 0, 0, 0, block_size, 0] {
        out.extend(word.to_ne_bytes());
    }
    out
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
