//! Makes cargo notice new migrations, which `sqlx::migrate!` reads at compile time.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
