//! The program.

mod accounts;
mod compose;
mod directory;
mod feed;
mod keys;
mod sessions;
mod system;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let data = std::path::PathBuf::from(std::env::var("ANNALOCK_DATA_DIR")?);
    let bind = std::env::var("ANNALOCK_HTTP_BIND")?;
    std::fs::create_dir_all(&data)?;
    let postgres =
        private_postgres::PrivatePostgres::start(private_postgres::Options::new(data.join("postgres"))).await?;
    let settings = compose::Settings {
        database_url: postgres.url(),
        database_connections: 10,
        public_url: format!("http://{bind}"),
        signups: write_api::account::Signups {
            open: true,
            verify: false,
        },
        rate_limits: std::env::var("ANNALOCK_RATE_LIMITS").as_deref() != Ok("off"),
    };
    let keys = keys::Keys::open(data.join("keys"))?;
    let stores = compose::Stores::open(&settings, &keys).await?;
    let app = compose::compose(&settings, &keys, stores).await?;
    axum::serve(tokio::net::TcpListener::bind(&bind).await?, app.router).await?;
    Ok(())
}
