//! The lease of the service: systemd ends it when it makes no progress for 60 s (TimeoutStartSec= of the unit), and
//! shows what it is doing in `systemctl status` (sd_notify(3)).

use std::time::Duration;

use health_checks::text::sentence;
use systemd::daemon;

/// What one sign of life buys. Every wait in this program is interrupted more often than that.
const LEASE: Duration = Duration::from_secs(60);

/// Renews the lease.
pub fn renew() {
    notify(&[(
        "EXTEND_TIMEOUT_USEC".to_owned(),
        LEASE.as_micros().to_string(),
    )]);
}

/// Renews the lease and says what is being done.
pub fn status(text: &str) {
    notify(&[
        (
            "EXTEND_TIMEOUT_USEC".to_owned(),
            LEASE.as_micros().to_string(),
        ),
        ("STATUS".to_owned(), sentence(text)),
    ]);
}

fn notify(state: &[(String, String)]) {
    // Outside a service there is nobody to tell; inside one, a lost sign of life is made up for by the next.
    if let Err(error) = daemon::notify(state.iter()) {
        log::debug!("systemd cannot be notified: {error}");
    }
}
