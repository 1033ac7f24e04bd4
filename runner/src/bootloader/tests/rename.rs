//! Marking entries as bad renames their files: never over another one.

use std::fs;

use super::{ENTRIES, System, snapshot};

/// `x.conf.conf` is bad as `x.conf+0-1.conf`; what has that name already, or the name of `x.conf`, is another entry.
#[test]
fn no_entry_is_renamed_over_another_one() {
    let system = System::systemd_boot(&[
        ("snap-1.conf", 1),
        ("x.conf.conf", 2),
        ("x+0-1.conf", 3),
        ("y.conf", 2),
        ("y+0-1.conf", 4),
        ("z.conf", 2),
    ]);
    let text =
        |file: &str| fs::read_to_string(system.root.join(format!("{ENTRIES}/{file}"))).unwrap();
    let others = ["x+0-1.conf", "y.conf", "y+0-1.conf"].map(|file| (file, text(file)));
    let done = system.roll_back(2, 1).unwrap().join("\n");
    let why = "cannot rename '/efi/loader/entries/y.conf' to 'y+0-1.conf': there is a file of that name already";
    assert!(done.contains(why), "{done}");
    assert_eq!(
        system.files(),
        [
            "snap-1.conf",
            "x+0-1.conf",
            "x.conf+0-1.conf",
            "y+0-1.conf",
            "y.conf",
            "z+0-1.conf"
        ]
    );
    for (file, before) in others {
        assert_eq!(text(file), before, "{file}");
    }
    // The same where a healthy boot marks what the initrd went back from.
    system.entry("a.conf", "rootflags=subvol=@/.snapshots/2/snapshot root=x");
    let error = system
        .loader()
        .mark_good(&snapshot(1), "", &[snapshot(2)])
        .unwrap_err();
    assert!(format!("{error:#}").contains(why), "{error:#}");
    assert!(system.files().contains(&"a+0-1.conf".to_owned()));
}
