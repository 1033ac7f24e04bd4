//! Owns what is on a served disk: an image file that stays as it is, and blocks that were written over it.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// What btrfs writes at once at least, and a disk as a whole or not at all.
pub(super) const BLOCK: usize = 4096;

/// The content of a block; the log and the layers share it.
pub(super) type Block = Arc<[u8; BLOCK]>;

/// Blocks by their number.
pub(super) type Layer = HashMap<u64, Block>;

/// The image file, blocks over it, and blocks over these.
pub(super) struct Layers {
    pub(super) file: Arc<File>,
    pub(super) below: Arc<Layer>,
    pub(super) top: Layer,
}

impl Layers {
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)?;
        let end = offset + buffer.len() as u64;
        for number in offset / BLOCK as u64..end.div_ceil(BLOCK as u64) {
            let Some(block) = self.top.get(&number).or_else(|| self.below.get(&number)) else {
                continue;
            };
            let start = number * BLOCK as u64;
            let (from, to) = (start.max(offset), (start + BLOCK as u64).min(end));
            buffer[(from - offset) as usize..(to - offset) as usize]
                .copy_from_slice(&block[(from - start) as usize..(to - start) as usize]);
        }
        Ok(())
    }

    /// Returns the blocks that there are now, whole.
    pub(super) fn write(&mut self, offset: u64, data: &[u8]) -> io::Result<Vec<(u64, Block)>> {
        let end = offset + data.len() as u64;
        let mut written = Vec::new();
        for number in offset / BLOCK as u64..end.div_ceil(BLOCK as u64) {
            let start = number * BLOCK as u64;
            let (from, to) = (start.max(offset), (start + BLOCK as u64).min(end));
            let mut block = [0; BLOCK];
            if to - from < BLOCK as u64 {
                self.read(start, &mut block)?;
            }
            block[(from - start) as usize..(to - start) as usize]
                .copy_from_slice(&data[(from - offset) as usize..(to - offset) as usize]);
            let block = Arc::new(block);
            self.top.insert(number, block.clone());
            written.push((number, block));
        }
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_over_what_was_there() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&[1; 4 * BLOCK], 0).unwrap();
        let mut disk = Layers {
            file: Arc::new(file),
            below: Arc::new(Layer::from([(3, Arc::new([2; BLOCK]))])),
            top: Layer::new(),
        };
        let written = disk.write(BLOCK as u64 - 512, &[3; 1024]).unwrap();
        assert_eq!(written.len(), 2);
        let mut all = [0; 4 * BLOCK];
        disk.read(0, &mut all).unwrap();
        let mut expected = [1; 4 * BLOCK];
        expected[BLOCK - 512..BLOCK + 512].fill(3);
        expected[3 * BLOCK..].fill(2);
        assert!(all == expected);
        let mut part = [0; 100];
        disk.read(BLOCK as u64 + 500, &mut part).unwrap();
        assert_eq!((part[11], part[12]), (3, 1));
    }
}
