//! MESSAGE_IDs of our journal messages (sd-journal(3)); explained by the catalog in units/, shown by `journalctl -x`.

/// The boot is healthy.
pub const HEALTHY: &str = "d1a1c7d0d5f34c5f8a0c3f6b4a2e9b01";
/// The boot is unhealthy.
pub const UNHEALTHY: &str = "d1a1c7d0d5f34c5f8a0c3f6b4a2e9b02";
/// A check failed.
pub const CHECK_FAILED: &str = "d1a1c7d0d5f34c5f8a0c3f6b4a2e9b03";
/// Failing services are restarted.
pub const RESTART: &str = "d1a1c7d0d5f34c5f8a0c3f6b4a2e9b04";
/// The machine is rebooted.
pub const REBOOT: &str = "d1a1c7d0d5f34c5f8a0c3f6b4a2e9b05";
/// The machine is rolled back.
pub const ROLLBACK: &str = "d1a1c7d0d5f34c5f8a0c3f6b4a2e9b06";
/// Services are stopped, the machine waits for an administrator.
pub const STOP: &str = "d1a1c7d0d5f34c5f8a0c3f6b4a2e9b07";
/// Nothing is done, only reported.
pub const REPORT_ONLY: &str = "d1a1c7d0d5f34c5f8a0c3f6b4a2e9b08";
/// Boots of a snapshot died before they were judged.
pub const DIED: &str = "d1a1c7d0d5f34c5f8a0c3f6b4a2e9b0a";
/// The boot loader, the initrd or the rescue program had gone back to this snapshot.
pub const FELL_BACK: &str = "d1a1c7d0d5f34c5f8a0c3f6b4a2e9b0b";
/// The runner gave no verdict.
pub const NO_VERDICT: &str = "d1a1c7d0d5f34c5f8a0c3f6b4a2e9b09";
