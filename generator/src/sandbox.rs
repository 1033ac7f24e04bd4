//! What a probe that needs no privileges is not allowed to do.
//!
//! Each line costs time at the start of the unit, so that only those are here that take something away
//! which root would otherwise have; docs/health-checker.check.5 says so, and `[Service]` may change them.

use crate::keys::Needs;

/// An unprivileged user of its own, who sees a read-only system without homes, and has no capability.
/// DynamicUser=yes brings ProtectSystem=strict, PrivateTmp=, RemoveIPC=, NoNewPrivileges= and
/// RestrictSUIDSGID= with it; they are repeated where a User= in `[Service]` could switch them off.
const LINES: &[&str] = &["DynamicUser=yes"];

/// The lines for a probe with these needs.
pub(crate) fn lines(needs: Needs) -> Vec<&'static str> {
    let _ = needs;
    LINES.to_vec()
}
