//! Compiles the few lines of C that reach Intel's library, whose calls are macros; only with its feature.

fn main() {
    println!("cargo::rerun-if-changed=src/peers/ipsec_mb.c");
    #[cfg(feature = "ipsec-mb")]
    ipsec_mb();
}

#[cfg(feature = "ipsec-mb")]
fn ipsec_mb() {
    let built = cc::Build::new().file("src/peers/ipsec_mb.c").opt_level(2).try_compile("tde_ipsec_mb");
    if let Err(error) = built {
        println!("cargo::error=feature `ipsec-mb` needs a C compiler and <intel-ipsec-mb.h>: {error}");
        println!("cargo::error=on Debian and Ubuntu: apt-get install gcc libipsec-mb-dev");
        std::process::exit(1);
    }
    println!("cargo::rustc-link-lib=IPSec_MB");
}
