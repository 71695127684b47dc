//! Owns a private server in a folder until it is killed: the test of what happens then runs it.
//!
//! `owner FOLDER`: makes a table `kept` with one row, then the file `ready` in the folder, then waits.

use private_postgres::{Options, PrivatePostgres};
use sqlx::{Connection, Executor, PgConnection};
use std::{error::Error, path::PathBuf, time::Duration};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: owner FOLDER")?);
    let server = PrivatePostgres::start(Options::new(folder.join("postgres"))).await?;
    let mut connection = PgConnection::connect(&server.url()).await?;
    connection
        .execute("CREATE TABLE kept AS SELECT 'yes' AS answer")
        .await?;
    std::fs::write(folder.join("ready"), "")?;
    tokio::time::sleep(Duration::from_secs(120)).await;
    Ok(())
}
