//! A mail server that keeps what it gets and answers as it is told (RFC 5321, 3207, 4954).

use base64::{Engine, engine::general_purpose::STANDARD};
use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufStream},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

/// A letter as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    pub data: String,
    pub encrypted: bool,
    pub login: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    Plain,
    StartTls,
    Tls,
}

/// What to do instead of the usual, once per entry: the first whose command matches is used up.
#[derive(Debug, Clone)]
pub enum Twist {
    /// Answers the command with this line.
    Answer(&'static str, &'static str),
    /// Keeps the letter, then hangs up without having said so.
    HangUpAfterData,
    /// Takes that long to answer the end of the data.
    Slow(Duration),
}

#[derive(Default)]
struct State {
    received: Mutex<Vec<Received>>,
    twists: Mutex<VecDeque<Twist>>,
    /// Commands answered the same way every time.
    always: Mutex<Vec<(&'static str, &'static str)>>,
}

pub struct Sink {
    pub port: u16,
    state: Arc<State>,
    task: JoinHandle<()>,
    folder: TempDir,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sink {
    pub async fn start(offer: Offer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (folder, state) = (tempfile::tempdir().unwrap(), Arc::<State>::default());
        let acceptor = acceptor(&folder.path().join("ca.pem"));
        let shared = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (acceptor, state) = (acceptor.clone(), shared.clone());
                tokio::spawn(async move {
                    if offer == Offer::Tls {
                        let Ok(stream) = acceptor.accept(socket).await else {
                            return;
                        };
                        let _ = Talk::new(stream, state, None, true).run(true).await;
                        return;
                    }
                    let upgrade = (offer == Offer::StartTls).then(|| acceptor.clone());
                    if let Ok(Some(socket)) = Talk::new(socket, state.clone(), upgrade, false).run(true).await {
                        let Ok(stream) = acceptor.accept(socket).await else {
                            return;
                        };
                        let _ = Talk::new(stream, state, None, true).run(false).await;
                    }
                });
            }
        });
        Self {
            port,
            state,
            task,
            folder,
        }
    }

    pub fn url(&self, parameters: &str) -> String {
        format!("smtp://localhost:{}?{parameters}", self.port)
    }

    /// The file with the authority that signed the certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    pub fn twist(&self, twists: impl IntoIterator<Item = Twist>) {
        self.state.twists.lock().unwrap().extend(twists);
    }

    pub fn always(&self, command: &'static str, answer: &'static str) {
        self.state.always.lock().unwrap().push((command, answer));
    }

    pub fn usual_again(&self) {
        self.state.always.lock().unwrap().clear();
        self.state.twists.lock().unwrap().clear();
    }
}

fn acceptor(ca: &std::path::Path) -> TlsAcceptor {
    let _ = tokio_rustls::rustls::crypto::aws_lc_rs::default_provider().install_default(); // once per process
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(ca, made.cert.pem()).unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

struct Talk<S> {
    stream: BufStream<S>,
    state: Arc<State>,
    upgrade: Option<TlsAcceptor>,
    encrypted: bool,
    login: Option<String>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    fn new(stream: S, state: Arc<State>, upgrade: Option<TlsAcceptor>, encrypted: bool) -> Self {
        Self {
            stream: BufStream::new(stream),
            state,
            upgrade,
            encrypted,
            login: None,
        }
    }

    /// Answers until the client leaves; gives the socket back when TLS is to begin on it.
    async fn run(mut self, greet: bool) -> std::io::Result<Option<S>> {
        let (mut from, mut to) = (String::new(), Vec::new());
        if greet {
            self.say("220 sink.example.org ESMTP").await?;
        }
        loop {
            let Some(line) = self.hear().await? else {
                return Ok(None);
            };
            let upper = line.to_uppercase();
            let verb = upper.split([' ', ':']).next().unwrap_or("").to_owned();
            if let Some(answer) = self.told(&verb) {
                self.say(answer).await?;
                continue;
            }
            match verb.as_str() {
                "EHLO" => {
                    let offer = if self.upgrade.is_some() { "250-STARTTLS\r\n" } else { "" };
                    self.say(&format!(
                        "250-sink.example.org\r\n{offer}250-AUTH PLAIN\r\n250 8BITMIME"
                    ))
                    .await?;
                }
                "STARTTLS" if self.upgrade.is_some() => {
                    self.say("220 go ahead").await?;
                    return Ok(Some(self.stream.into_inner()));
                }
                "AUTH" => {
                    let plain = STANDARD.decode(line.rsplit(' ').next().unwrap()).unwrap();
                    self.login = Some(String::from_utf8(plain).unwrap().replace('\0', "/"));
                    self.say("235 welcome").await?;
                }
                "MAIL" => {
                    from = address(&line);
                    to.clear();
                    self.say("250 ok").await?;
                }
                "RCPT" => {
                    to.push(address(&line));
                    self.say("250 ok").await?;
                }
                "DATA" => {
                    self.say("354 go on").await?;
                    let data = self.hear_data().await?;
                    let (encrypted, login) = (self.encrypted, self.login.clone());
                    let received = Received {
                        from: from.clone(),
                        to: to.clone(),
                        data,
                        encrypted,
                        login,
                    };
                    if let Some(answer) = self.told(".") {
                        self.say(answer).await?;
                        continue;
                    }
                    self.state.received.lock().unwrap().push(received);
                    let twist = self.take(|twist| matches!(twist, Twist::HangUpAfterData | Twist::Slow(_)));
                    match twist {
                        Some(Twist::HangUpAfterData) => return Ok(None),
                        Some(Twist::Slow(time)) => tokio::time::sleep(time).await,
                        _ => {}
                    }
                    self.say("250 kept").await?;
                }
                "QUIT" => {
                    self.say("221 bye").await?;
                    return Ok(None);
                }
                "RSET" | "NOOP" => self.say("250 ok").await?,
                _ => self.say("502 not here").await?,
            }
        }
    }

    fn take(&self, wanted: impl Fn(&Twist) -> bool) -> Option<Twist> {
        let mut twists = self.state.twists.lock().unwrap();
        let at = twists.iter().position(wanted)?;
        twists.remove(at)
    }

    fn told(&self, verb: &str) -> Option<&'static str> {
        let always = self
            .state
            .always
            .lock()
            .unwrap()
            .iter()
            .find(|(v, _)| *v == verb)
            .map(|(_, answer)| *answer);
        always.or_else(
            || match self.take(|twist| matches!(twist, Twist::Answer(v, _) if *v == verb)) {
                Some(Twist::Answer(_, answer)) => Some(answer),
                _ => None,
            },
        )
    }

    async fn say(&mut self, line: &str) -> std::io::Result<()> {
        self.stream.write_all(format!("{line}\r\n").as_bytes()).await?;
        self.stream.flush().await
    }

    async fn hear(&mut self) -> std::io::Result<Option<String>> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await?;
        Ok((read > 0).then(|| line.trim_end().to_owned()))
    }

    async fn hear_data(&mut self) -> std::io::Result<String> {
        let mut data = String::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if line == ".\r\n" {
                return Ok(data);
            }
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
        }
    }
}

fn address(line: &str) -> String {
    line.split_once('<').unwrap().1.split_once('>').unwrap().0.to_owned()
}
