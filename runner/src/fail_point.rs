//! Killing ourselves at a named step, for the tests of scenario "runner killed": only with feature `fail-points`.

/// The steps at which a test can kill the runner. Named in `/run/health-checker-fail-point`.
#[cfg(feature = "fail-points")]
pub fn reached(step: &str) {
    const PATH: &str = "/run/health-checker-fail-point";
    if std::fs::read_to_string(PATH).is_ok_and(|wanted| wanted.trim() == step) {
        // Once: whoever takes over goes further than we did.
        let _ = std::fs::remove_file(PATH);
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Nothing in a release.
#[cfg(not(feature = "fail-points"))]
pub fn reached(_step: &str) {}
