//! The five btrfs ioctls we need (linux/btrfs.h). The only module of the workspace with `unsafe`; the crate
//! `libbtrfsutil` would do the same, but needs libclang and libbtrfsutil headers to build.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{Getter, Opcode, Setter, Updater, ioctl, opcode};

const BTRFS_IOCTL_MAGIC: u8 = 0x94;
const GET_SUBVOL_INFO: Opcode = opcode::read::<SubvolumeInfo>(BTRFS_IOCTL_MAGIC, 60);
const TREE_SEARCH: Opcode = opcode::read_write::<SearchArguments>(BTRFS_IOCTL_MAGIC, 17);
const SET_DEFAULT: Opcode = opcode::write::<u64>(BTRFS_IOCTL_MAGIC, 19);
const GET_FLAGS: Opcode = opcode::read::<u64>(BTRFS_IOCTL_MAGIC, 25);
const SET_FLAGS: Opcode = opcode::write::<u64>(BTRFS_IOCTL_MAGIC, 26);
/// BTRFS_SUBVOL_RDONLY, among a subvolume's flags: nothing in it can be written, whatever the mount says.
pub const READ_ONLY: u64 = 1 << 1;

const ROOT_TREE: u64 = 1;
const ROOT_TREE_DIRECTORY: u64 = 6;
const DIR_ITEM: u32 = 84;
/// struct btrfs_ioctl_search_header: transid, objectid, offset (u64), type, len (u32).
const SEARCH_HEADER: usize = 32;
/// struct btrfs_dir_item without the name that follows it.
const DIR_ITEM_HEADER: usize = 30;
const NAME_LENGTH_AT: usize = 27;

/// struct btrfs_ioctl_get_subvol_info_args, as far as it interests us.
#[repr(C)]
struct SubvolumeInfo {
    id: u64,
    name: [u8; 256],
    parent_and_directory: [u64; 2],
    generation: u64,
    flags: u64,
    uuid: [u8; 16],
    parent_uuid: [u8; 16],
    received_uuid: [u8; 16],
    transactions: [u64; 4],
    times: [[u64; 2]; 4],
    reserved: [u64; 8],
}

/// struct btrfs_ioctl_search_args.
#[repr(C)]
struct SearchArguments {
    tree: u64,
    objectid: [u64; 2],
    offset: [u64; 2],
    transid: [u64; 2],
    kind: [u32; 2],
    items: u32,
    unused: u32,
    reserved: [u64; 4],
    buffer: [u8; 3992],
}

/// A btrfs subvolume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subvolume {
    /// Subvolume id.
    pub id: u64,
    /// Its uuid, in the usual notation.
    pub uuid: String,
    /// uuid of the subvolume that it is a snapshot of; all zeros if it is none.
    pub parent_uuid: String,
}

/// The subvolume that an open file lies in (BTRFS_IOC_GET_SUBVOL_INFO, Linux 4.18; needs no privilege).
///
/// # Errors
/// ENOTTY where the file is not on btrfs.
pub fn subvolume(file: impl AsFd) -> io::Result<Subvolume> {
    // SAFETY: the kernel fills exactly one struct btrfs_ioctl_get_subvol_info_args (504 bytes, checked below),
    // and every bit pattern is a valid value of its integers.
    let info = unsafe { ioctl(file, Getter::<GET_SUBVOL_INFO, SubvolumeInfo>::new()) }?;
    Ok(Subvolume {
        id: info.id,
        uuid: format_uuid(info.uuid),
        parent_uuid: format_uuid(info.parent_uuid),
    })
}

/// The flags of a subvolume (BTRFS_IOC_SUBVOL_GETFLAGS).
///
/// # Errors
/// EINVAL where `top` is not the top directory of a subvolume, ENOTTY where it is not on btrfs.
pub fn flags(top: impl AsFd) -> io::Result<u64> {
    // SAFETY: the kernel writes one u64.
    Ok(unsafe { ioctl(top, Getter::<GET_FLAGS, u64>::new()) }?)
}

/// Sets the flags of a subvolume (BTRFS_IOC_SUBVOL_SETFLAGS); on the disk when this returns.
///
/// # Errors
/// As [`flags`]; EROFS where the mount that `top` was opened through is read-only; EPERM without CAP_SYS_ADMIN.
pub fn set_flags(top: impl AsFd, flags: u64) -> io::Result<()> {
    // SAFETY: the kernel reads one u64.
    unsafe { ioctl(top, Setter::<SET_FLAGS, u64>::new(flags)) }?;
    Ok(())
}

/// Id of the default subvolume of the file system that an open file lies on (needs CAP_SYS_ADMIN).
///
/// # Errors
/// From the ioctl, or `NotFound` where the root tree has no item "default".
pub fn default_subvolume(file: impl AsFd) -> io::Result<u64> {
    let mut search = SearchArguments {
        tree: ROOT_TREE,
        objectid: [ROOT_TREE_DIRECTORY; 2],
        offset: [0, u64::MAX],
        transid: [0, u64::MAX],
        kind: [DIR_ITEM; 2],
        items: 64,
        unused: 0,
        reserved: [0; 4],
        buffer: [0; 3992],
    };
    // SAFETY: the kernel reads and fills exactly one struct btrfs_ioctl_search_args (4096 bytes, checked below).
    unsafe {
        ioctl(
            file,
            Updater::<TREE_SEARCH, SearchArguments>::new(&mut search),
        )
    }?;
    find_default(&search.buffer, search.items).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::NotFound,
            "the file system names no default subvolume",
        )
    })
}

/// Makes a subvolume the default one. Not on disk before the file system is synced.
///
/// # Errors
/// EROFS where the mount that `file` was opened through is read-only; EPERM without CAP_SYS_ADMIN.
pub fn set_default_subvolume(file: impl AsFd, id: u64) -> io::Result<()> {
    // SAFETY: the kernel reads one u64.
    unsafe { ioctl(file, Setter::<SET_DEFAULT, u64>::new(id)) }?;
    Ok(())
}

fn find_default(buffer: &[u8], items: u32) -> Option<u64> {
    let mut at = 0;
    for _ in 0..items {
        let length = u32::from_ne_bytes(buffer.get(at + 28..at + SEARCH_HEADER)?.try_into().ok()?);
        let item =
            buffer.get(at + SEARCH_HEADER..at + SEARCH_HEADER + usize::try_from(length).ok()?)?;
        let name_length = u16::from_le_bytes(
            item.get(NAME_LENGTH_AT..NAME_LENGTH_AT + 2)?
                .try_into()
                .ok()?,
        );
        if item.get(DIR_ITEM_HEADER..DIR_ITEM_HEADER + usize::from(name_length)) == Some(b"default")
        {
            return Some(u64::from_le_bytes(item.get(..8)?.try_into().ok()?));
        }
        at += SEARCH_HEADER + item.len();
    }
    None
}

fn format_uuid(uuid: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in uuid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

const _: () = assert!(size_of::<SubvolumeInfo>() == 504 && size_of::<SearchArguments>() == 4096);

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &[u8], target: u64) -> Vec<u8> {
        let mut item = vec![0_u8; SEARCH_HEADER];
        item[28..32].copy_from_slice(
            &u32::try_from(DIR_ITEM_HEADER + name.len())
                .unwrap()
                .to_ne_bytes(),
        );
        item.extend(target.to_le_bytes());
        item.extend([0; 19]);
        item.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        item.push(2);
        item.extend(name);
        item
    }

    #[test]
    fn finds_the_item_default_among_others() {
        let buffer = [item(b"other", 7), item(b"default", 265)].concat();
        assert_eq!(find_default(&buffer, 2), Some(265));
        assert_eq!(find_default(&buffer, 1), None);
    }

    #[test]
    fn a_short_answer_of_the_kernel_is_no_panic() {
        let buffer = item(b"default", 265);
        for length in 0..buffer.len() {
            assert_eq!(find_default(&buffer[..length], 1), None);
        }
    }

    #[test]
    fn uuids_are_written_as_everybody_writes_them() {
        let uuid = [
            0xf8, 0x1d, 0x4f, 0xae, 0x7d, 0xec, 0x11, 0xd0, 0xa7, 0x65, 0x00, 0xa0, 0xc9, 0x1e,
            0x6b, 0xf6,
        ];
        assert_eq!(format_uuid(uuid), "f81d4fae-7dec-11d0-a765-00a0c91e6bf6");
    }
}
