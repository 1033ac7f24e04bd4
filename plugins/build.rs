//! Links the unwinder into `health-probe` itself: to look for one more library and to load it takes a tenth of the time
//! that a simple probe takes.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu") {
        // Comes with every gcc. A linker that finds no use for it here still takes libgcc_s.so.
        println!("cargo:rustc-link-lib=dylib=gcc_eh");
    }
}
