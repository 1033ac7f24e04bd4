//! The texts that `new` writes: comments first, so that nobody has to read a manual to change them. Pure.

use health_checks::Severity;

/// What the file checks.
pub struct Probe {
    /// Key of `[Check]`.
    pub key: &'static str,
    /// Its value, as it is to be written.
    pub value: String,
    /// The unit that it is about.
    pub unit: Option<String>,
}

/// A `.check` file.
pub fn check(name: &str, probe: &Probe, severity: Severity) -> String {
    let Probe { key, value, unit } = probe;
    let (after, restart) = match unit {
        Some(unit) => (format!("After={unit}"), format!("RestartUnits={unit}")),
        None => (
            "#After=nginx.service".to_owned(),
            "#RestartUnits=nginx.service".to_owned(),
        ),
    };
    format!(
        "{head}\
         [Unit]\n\
         # What the check waits for; without this it waits until the boot has settled.\n\
         {after}\n\
         # Where this is not met, the check is skipped instead of failed:\n\
         #ConditionPathExists=/path\n\
         \n\
         [Check]\n\
         {key}={value}\n\
         {options}\
         {severity}\
         # How long one try may take:\n\
         #TimeoutSec=30s\n\
         # More tries before it counts as failed, and the time between them:\n\
         #Retries=3\n\
         #RetrySec=5s\n\
         # Restarted when it fails on a snapshot that was good once, before anything else is done:\n\
         {restart}\n",
        head = head(name),
        options = options(key),
        severity = severity_lines(severity),
    )
}

/// Settings of a plugin.
pub fn settings(name: &str, severity: Severity) -> String {
    format!(
        "{}[Check]\n{}# How long it may take:\n#TimeoutSec=90s\n",
        head(name),
        severity_lines(severity)
    )
}

/// A plugin.
pub fn script(name: &str) -> String {
    format!(
        r#"#!/bin/sh
# Health check '{name}', written by 'health-checker new'. It is called as root, after every boot:
#   check  exit status 0: healthy; anything else: not. What it prints is shown by 'health-checker status'.
#   stop   the last resort: stop what this is about, because nothing else helped.
set -u

fail() {{
    echo "$*"
    exit 1
}}

run_checks() {{
    # Replace this by what matters to you. Each test says what is wrong.
    systemctl is-active --quiet dbus.service || fail "the system bus is not running"
}}

stop_services() {{
    # For example: systemctl stop nginx.service
    :
}}

case "${{1-}}" in
    check) run_checks ;;
    stop) stop_services ;;
    *) echo "Usage: $0 check|stop" >&2; exit 2 ;;
esac
"#
    )
}

fn head(name: &str) -> String {
    format!(
        "# Health check '{name}', written by 'health-checker new'. All keys: man health-checker.check\n\
         # After a change: health-checker verify, then systemctl daemon-reload && health-checker check {name}\n\
         \n"
    )
}

fn severity_lines(severity: Severity) -> String {
    format!(
        "# 'required': a failure makes the boot unhealthy, and takes back the update that caused it.\n\
         # 'wanted': it is only reported.\n\
         Severity={}\n",
        severity.as_str()
    )
}

/// What somebody may want to add to a probe.
fn options(key: &str) -> &'static str {
    match key {
        "UnitActive" => {
            "# For how long it must have been active without a restart:\n#StableSec=5s\n"
        }
        "HttpGet" => {
            "# What the answer must be like:\n#HttpStatus=200\n#HttpBody=text that must be in it\n"
        }
        "MountPoint" => {
            "# Also really write to it, and check its type:\n#MountWritable=yes\n#MountType=btrfs\n"
        }
        _ => "",
    }
}
