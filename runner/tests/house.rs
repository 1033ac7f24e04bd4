//! The plan of the house (docs/ARCHITECTURE.md): a room uses only rooms below it, and no files go round in a circle.
//! Read from the `use crate::…` and `super::…` lines, tests left out.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The rooms of each crate, the top floor first. A file beside `main.rs` or `lib.rs` is a room of its own.
const HOUSES: [(&str, &[&str]); 3] = [
    (
        "generator/src",
        &[
            // The binary, and the library's face.
            "main",
            "generate",
            "guard",
            "arguments",
            "kmsg",
            "",
            "search",
            "unit",
            "file",
            "config",
            "kernel_line",
            "check",
            "settings",
            "files",
            "finding",
            "syntax",
        ],
    ),
    (
        "runner/src",
        &[
            "main",
            "cli",
            "services",
            "commands",
            "course",
            "checks",
            "machine",
            "deployment",
            "bootloader",
            "state",
            "sys",
            "policy",
            "model",
        ],
    ),
    (
        "plugins/src",
        &[
            "main",
            "cli",
            "probe",
            "systemd",
            "listener",
            "resolve",
            "wait",
            "program",
            "user",
            "mountinfo",
            "size",
            "socket",
            "outcome",
            "span",
            "text",
        ],
    ),
];

/// A file as its module path, and the modules that it uses.
type Arrows = BTreeMap<String, BTreeSet<String>>;

fn house(name: &str) -> Arrows {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    let mut files = BTreeMap::new();
    read(&top, &mut Vec::new(), &mut files);
    assert!(
        files.len() > 20,
        "'{}' is not where the sources are",
        top.display()
    );
    arrows(&files)
}

fn read(directory: &Path, path: &mut Vec<String>, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            path.push(name);
            read(&entry.path(), path, files);
            path.pop();
            continue;
        }
        let Some(stem) = name.strip_suffix(".rs") else {
            continue;
        };
        if stem == "tests" || path.iter().any(|part| part == "tests" || part == "bin") {
            continue;
        }
        let mut module = path.clone();
        // What only lists its modules is the room itself.
        if stem != "mod" && stem != "lib" {
            module.push(stem.to_owned());
        }
        let text = fs::read_to_string(entry.path()).unwrap();
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        files.insert(module.join("::"), code.to_owned());
    }
}

fn arrows(files: &BTreeMap<String, String>) -> Arrows {
    let target = |path: &[String]| {
        (1..=path.len())
            .rev()
            .map(|length| path[..length].join("::"))
            .find(|module| files.contains_key(module))
    };
    let uses = |(module, code): (&String, &String)| {
        let here: Vec<String> = module.split("::").map(str::to_owned).collect();
        let to = paths(&here, code)
            .iter()
            .filter_map(|path| target(path))
            // A file may name the room that it is in.
            .filter(|to| to != module && !module.starts_with(&format!("{to}::")))
            .collect();
        (module.clone(), to)
    };
    files.iter().map(uses).collect()
}

/// All paths from the crate in the code: of `use` lines, groups expanded, and of expressions.
fn paths(here: &[String], code: &str) -> Vec<Vec<String>> {
    let code: String = code
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut all = Vec::new();
    for (start, up) in [("crate::", None), ("super::", Some(1)), ("self::", Some(0))] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || "_:".contains(c)) {
                continue;
            }
            let base = up.map_or(&here[..0], |up| &here[..here.len().saturating_sub(up)]);
            expand(base, &code[at + start.len()..], &mut all);
        }
    }
    all
}

/// One path, or each of a group.
fn expand(base: &[String], code: &str, all: &mut Vec<Vec<String>>) {
    let mut path = base.to_vec();
    let mut rest = code;
    loop {
        let end = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        match word {
            "super" => drop(path.pop()),
            "" | "self" => {}
            word => path.push(word.to_owned()),
        }
        let Some(next) = after.strip_prefix("::") else {
            break;
        };
        let Some(group) = next.strip_prefix('{') else {
            rest = next;
            continue;
        };
        let mut depth = 0;
        let mut from = 0;
        for (at, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                ',' | '}' if depth == 0 => {
                    expand(&path, group[from..at].trim_start(), all);
                    from = at + 1;
                    if c == '}' {
                        return;
                    }
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
        return;
    }
    all.push(path);
}

fn room(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

/// What is wrong with a house.
fn wrong(floors: &[&str], arrows: &Arrows) -> Vec<String> {
    let floor = |module: &str| floors.iter().position(|name| *name == room(module));
    let mut wrong = Vec::new();
    for (from, to) in arrows
        .iter()
        .flat_map(|(from, all)| all.iter().map(move |to| (from, to)))
    {
        match (floor(from), floor(to)) {
            (Some(above), Some(below)) if above < below || room(from) == room(to) => {}
            (Some(_), Some(_)) => wrong.push(format!("{from} uses {to}, which is above it")),
            (None, _) => wrong.push(format!("{from} is in no room of the plan")),
            (_, None) => wrong.push(format!("{to} is in no room of the plan")),
        }
    }
    let circles = arrows
        .keys()
        .filter(|module| reaches(arrows, module, module));
    wrong.extend(circles.map(|module| format!("{module} uses itself, in a circle")));
    wrong
}

fn reaches(arrows: &Arrows, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        for next in arrows.get(module).into_iter().flatten() {
            if next == to {
                return true;
            }
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    false
}

#[test]
fn each_room_uses_only_rooms_below_it() {
    for (name, floors) in HOUSES {
        let wrong = wrong(floors, &house(name));
        assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
    }
}

/// Snapshots by number, BLS and GRUB are nobody's business but theirs, and of the commands that print them.
#[test]
fn only_what_is_printed_knows_the_boot_loader() {
    let prints = [
        "cli",
        "commands::bootloader",
        "commands::contradictions",
        "commands::status",
    ];
    let house = house("runner/src");
    let knows = |to: &BTreeSet<String>| to.iter().any(|to| room(to) == "bootloader");
    let above = house
        .iter()
        .filter(|(from, to)| !["bootloader", "deployment"].contains(&room(from)) && knows(to));
    let others: Vec<&String> = above
        .map(|(from, _)| from)
        .filter(|from| !prints.contains(&from.as_str()))
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn the_rule_sees_circles_and_arrows_upwards() {
    let files = [
        ("main", "use crate::top::a;\n"),
        (
            "top::a",
            "use crate::low::{b::{self, B}, c};\n// use crate::nothing;\n",
        ),
        (
            "low::b",
            "use super::c::C;\nfn f() { crate::top::a::f() }\n",
        ),
        (
            "low::c",
            "use crate::low::b;\n#[cfg(test)]\nmod tests { use crate::top::a; }\n",
        ),
    ];
    let files = files.map(|(module, code)| {
        let code = code.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        (module.to_owned(), code.to_owned())
    });
    let arrows = arrows(&files.into());
    let wrong = wrong(&["main", "top", "low"], &arrows);
    assert_eq!(
        wrong,
        [
            "low::b uses top::a, which is above it",
            "low::b uses itself, in a circle",
            "low::c uses itself, in a circle",
            "top::a uses itself, in a circle",
        ]
    );
}
