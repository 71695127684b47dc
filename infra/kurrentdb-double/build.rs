//! Turns `proto/` into Rust without `protoc`.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let files = protox::compile(["streams.proto", "gossip.proto", "serverfeatures.proto"], ["proto"])?;
    tonic_build::configure()
        .build_client(false)
        .build_transport(false)
        .bytes(["."])
        .compile_fds(files)?;
    Ok(())
}
