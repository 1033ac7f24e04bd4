//! The table: `.check` files, and what their units must say.

/// One `.check` file.
pub struct Case {
    pub name: &'static str,
    pub text: &'static str,
    /// Parts of what its unit says.
    pub said: &'static [&'static str],
}

const fn case(name: &'static str, text: &'static str, said: &'static [&'static str]) -> Case {
    Case { name, text, said }
}

/// As expected.
#[rustfmt::skip]
pub const PASSING: &[Case] = &[
    case("exec", "[Check]\nExec=/bin/sh -c 'echo \"$0 says $$((6*7))\"' %i", &["exec says 42"]),
    case("unit", "[Check]\nUnitActive=ssh.service dbus.socket\nStableSec=1s", &["found", "'ssh.service'"]),
    case("unit-glob", "[Check]\nUnitActive=systemd-journal*.service", &["'systemd-journald.service'"]),
    // Asked long before it has started: it waits.
    case("unit-slow", "[Unit]\nAfter=ssh.service\n[Check]\nUnitActive=slow.service\nStableSec=500ms\nTimeoutSec=60s", &["'slow.service'"]),
    case("mount", "[Check]\nMountPoint=/var\nMountType=btrfs\nMountWritable=yes", &["found", "btrfs"]),
    case("writable", "[Check]\nPathWritable=/etc", &["found"]),
    case("tcp", "[Check]\nTcpConnect=127.0.0.1:22", &["found"]),
    case("tcp-name", "[Check]\nTcpConnect=localhost:22", &["found"]),
    case("tcp-socket", "[Check]\nTcpConnect=unix:/run/dbus/system_bus_socket", &["found"]),
    case("tcp-owner", "[Check]\nTcpConnect=127.0.0.1:22\nListenerUser=root", &["at a socket of user 'root'; found 127.0.0.1:22"]),
    case("tcp-other-owner", "[Unit]\nAfter=impostor.service\n[Check]\nTcpConnect=127.0.0.1:8090\nListenerUser=nobody", &["found 127.0.0.1:8090"]),
    case("tcp-socket-owner", "[Check]\nTcpConnect=unix:/run/dbus/system_bus_socket\nListenerUser=0", &["found"]),
    case("http-owner", "[Check]\nHttpGet=http://localhost/healthz\nListenerUser=root", &["found status 200"]),
    case("http", "[Check]\nHttpGet=http://localhost/healthz\nHttpStatus=2xx\nHttpBody=systems go\nHttpHeader=content-type: text/plain", &["found status 200"]),
    case("http-down", "[Check]\nHttpGet=http://127.0.0.1/down\nHttpStatus=503", &["found status 503"]),
    case("https", "[Check]\nHttpGet=https://localhost/healthz\nHttpCA=/run/web.pem", &["found status 200"]),
    case("dns", "[Check]\nDnsResolve=localhost", &["127.0.0.1"]),
    case("file", "[Check]\nFileExists=/srv/table.conf\nFileContains=^legs *= *[0-9]$\nFileMaxAgeSec=1d", &["found"]),
    case("disk", "[Check]\nDiskFree=/var\nDiskMinFree=1%\nDiskMinUnallocated=1M", &["found"]),
    case("disk-inodes", "[Check]\nDiskFree=/run\nDiskMinInodes=1%", &["found"]),
    case("process", "[Check]\nProcessRunning=sshd\nProcessMin=1", &["at least 1 'sshd' running; found"]),
    case("process-path", "[Check]\nProcessRunning=/usr/bin/dbus-daemon", &["found 1"]),
    case("process-owner", "[Check]\nProcessRunning=sshd\nProcessUser=root", &["as user 'root'; found"]),
    case("process-other-owner", "[Unit]\nAfter=impostor.service\n[Check]\nProcessRunning=nginx\nProcessUser=nobody", &["found 1"]),
    case("process-path-owner", "[Check]\nProcessRunning=/usr/bin/dbus-daemon\nProcessUser=messagebus", &["found 1"]),
    case("output", "[Check]\nCommandOutput=/bin/sh -c 'echo one; echo two'\nOutputContains=two", &["found"]),
    case("output-equals", "[Check]\nCommandOutput=systemctl is-active ssh\nOutputEquals=active", &["found"]),
    case("container", "[Check]\nContainerRunning=well\nTimeoutSec=60s", &["found 'well' running and healthy"]),
    case("clock", "[Service]\nBindReadOnlyPaths=/srv/timedatectl-yes:/usr/bin/timedatectl\n[Check]\nClockSynchronized=yes", &["found that the kernel says so"]),
    case("watchdog", "[Check]\nWatchdogReset=no", &["no reset by a hardware watchdog; found"]),
    // A service that is failed, and one that will be.
    case("failed-except", "[Check]\nFailedUnits=no\nFailedUnitsExcept=fails.service late-*.service", &["found only"]),
    case("rpm", "[Check]\nPackageDatabase=rpm", &["found it verified, with 'rpm-1' in it"]),
    case("dpkg", "[Check]\nPackageDatabase=dpkg", &["found it passed"]),
];

/// Not as expected. What cannot be mended by waiting fails at once, everything else after two seconds.
#[rustfmt::skip]
pub const FAILING: &[Case] = &[
    case("not-exec", "[Check]\nExec=/bin/sh -c 'echo out of order >&2; exit 7'", &["out of order"]),
    case("not-unit", "[Check]\nUnitActive=ghost.service", &["found 'ghost.service' does not exist"]),
    case("not-unit-glob", "[Check]\nUnitActive=nothing-like-*\nTimeoutSec=12s", &["'nothing-like-*'"]),
    // Active when it is asked, and dead three seconds later.
    case("not-unit-late", "[Unit]\nAfter=late-crash.service\n[Check]\nUnitActive=late-crash.service\nStableSec=6s\nTimeoutSec=25s", &["'late-crash.service'", "failed"]),
    case("not-unit-loop", "[Check]\nUnitActive=crash-loop.service\nStableSec=2s\nTimeoutSec=10s", &["'crash-loop.service'", "restart"]),
    case("not-unit-failed", "[Check]\nUnitActive=fails.service", &["'fails.service'", "failed"]),
    case("not-mount", "[Check]\nMountPoint=/usr/share\nTimeoutSec=7s", &["'/usr/share'", "found"]),
    case("not-mount-type", "[Check]\nMountPoint=/var\nMountType=xfs\nTimeoutSec=7s", &["xfs", "as 'btrfs'"]),
    case("not-mount-writable", "[Check]\nMountPoint=/srv/read-only\nMountWritable=yes\nTimeoutSec=7s", &["'/srv/read-only'", "read-only"]),
    case("not-writable", "[Check]\nPathWritable=/usr\nTimeoutSec=7s", &["'/usr'", "ead-only file system"]),
    case("not-tcp", "[Check]\nTcpConnect=127.0.0.1:9\nTimeoutSec=7s", &["127.0.0.1:9", "refused"]),
    case("not-tcp-socket", "[Check]\nTcpConnect=unix:/run/nobody\nTimeoutSec=7s", &["/run/nobody"]),
    // They listen, and run, but as somebody else.
    case("not-tcp-owner", "[Unit]\nAfter=impostor.service\n[Check]\nTcpConnect=127.0.0.1:8090\nListenerUser=root\nTimeoutSec=7s", &["127.0.0.1:8090 listened at by user '65534', not 'root'"]),
    case("not-tcp-user", "[Check]\nTcpConnect=127.0.0.1:22\nListenerUser=ghost\nTimeoutSec=7s", &["no user 'ghost' on this machine"]),
    case("not-http-owner", "[Unit]\nAfter=impostor.service\n[Check]\nHttpGet=http://127.0.0.1:8090/\nListenerUser=root\nTimeoutSec=7s", &["listened at by user '65534', not 'root'"]),
    case("not-http", "[Check]\nHttpGet=http://localhost:8080/\nTimeoutSec=7s", &["refused"]),
    case("not-http-status", "[Check]\nHttpGet=http://localhost/down\nTimeoutSec=7s", &["found status 503"]),
    case("not-http-wanted", "[Check]\nHttpGet=http://localhost/healthz\nHttpStatus=204,3xx\nTimeoutSec=7s", &["204 or 3xx", "found status 200"]),
    case("not-http-body", "[Check]\nHttpGet=http://localhost/healthz\nHttpBody=nothing goes\nTimeoutSec=7s", &["nothing goes", "all systems go"]),
    case("not-http-header", "[Check]\nHttpGet=http://localhost/healthz\nHttpHeader=content-type: text/html\nTimeoutSec=7s", &["text/html", "text/plain"]),
    case("not-https", "[Check]\nHttpGet=https://localhost/healthz\nTimeoutSec=7s", &["certificate"]),
    case("not-https-ca", "[Check]\nHttpGet=https://localhost/healthz\nHttpCA=/etc/hostname\nTimeoutSec=7s", &["/etc/hostname"]),
    case("not-dns", "[Check]\nDnsResolve=nobody.invalid\nTimeoutSec=7s", &["'nobody.invalid'"]),
    case("not-file", "[Check]\nFileExists=/srv/chair.conf\nTimeoutSec=7s", &["'/srv/chair.conf'", "found"]),
    case("not-file-contains", "[Check]\nFileExists=/srv/table.conf\nFileContains=^legs = 5$\nTimeoutSec=7s", &["legs = 5"]),
    case("not-file-age", "[Check]\nFileExists=/usr/bin/env\nFileMaxAgeSec=1s\nTimeoutSec=7s", &["'/usr/bin/env'", "1s"]),
    case("not-disk", "[Check]\nDiskFree=/var\nDiskMinFree=500G\nTimeoutSec=7s", &["500G", "found"]),
    case("not-disk-inodes", "[Check]\nDiskFree=/run\nDiskMinInodes=999999999\nTimeoutSec=7s", &["999999999", "found"]),
    case("not-disk-unallocated", "[Check]\nDiskFree=/var\nDiskMinUnallocated=500G\nTimeoutSec=7s", &["500G", "found"]),
    case("not-process", "[Check]\nProcessRunning=chronyd\nTimeoutSec=7s", &["'chronyd'", "found none"]),
    case("not-process-min", "[Check]\nProcessRunning=sshd\nProcessMin=50\nTimeoutSec=7s", &["at least 50", "found"]),
    case("not-process-owner", "[Unit]\nAfter=impostor.service\n[Check]\nProcessRunning=nginx\nProcessUser=root\nTimeoutSec=7s", &["as user 'root'; found none, and 1 of other users"]),
    case("not-output", "[Check]\nCommandOutput=/bin/false\nTimeoutSec=7s", &["/bin/false", "status 1"]),
    case("not-output-contains", "[Check]\nCommandOutput=/bin/echo one\nOutputContains=two\nTimeoutSec=7s", &["two", "one"]),
    case("not-output-equals", "[Check]\nCommandOutput=systemctl is-active ghost\nOutputEquals=active\nTimeoutSec=7s", &["inactive"]),
    case("not-container", "[Check]\nContainerRunning=well idle\nTimeoutSec=9s", &["'well', 'idle'", "found 'idle' created"]),
    case("not-container-healthy", "[Check]\nContainerRunning=sick\nTimeoutSec=20s", &["'sick' running, but unhealthy"]),
    case("not-clock", "[Service]\nBindReadOnlyPaths=/srv/timedatectl-no:/usr/bin/timedatectl\n[Check]\nClockSynchronized=yes\nTimeoutSec=7s", &["found that the kernel says it is not"]),
    // A watchdog of its own in an empty /sys.
    case("not-watchdog", "[Service]\nTemporaryFileSystem=/sys\nBindReadOnlyPaths=/srv/watchdog:/sys/class/watchdog\n[Check]\nWatchdogReset=no", &["'watchdog0' has reset the machine"]),
    case("not-failed", "[Check]\nFailedUnits=no\nFailedUnitsExcept=late-crash.service\nTimeoutSec=7s", &["'fails.service'"]),
    // Damaged, for this check only.
    case("not-rpm", "[Service]\nBindReadOnlyPaths=/srv/table.conf:/usr/lib/sysimage/rpm/rpmdb.sqlite\n[Check]\nPackageDatabase=rpm\nTimeoutSec=12s", &["'rpmdb --verifydb' with"]),
    case("not-dpkg", "[Service]\nBindReadOnlyPaths=/srv/table.conf:/usr/lib/sysimage/dpkg/status\n[Check]\nPackageDatabase=dpkg\nTimeoutSec=12s", &["'dpkg --audit' with"]),
];
