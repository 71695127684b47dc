//! Subscriptions: one connection of their own for the whole process, kept up by one task.
//!
//! In a cluster any node will do, because `PUBLISH` reaches all of them. (Sharded channels would not: they need the
//! connection to follow the slot.)

use super::{
    address::{Address, CONNECT_WITHIN},
    link::{Link, unavailable},
};
use bytes::Bytes;
use commands::ports::shared_state::{Heard, SharedStateError, Subscription};
use futures::StreamExt;
use redis::{Client, ErrorKind, Msg, RedisError, aio::PubSubSink, aio::PubSubStream};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{broadcast, mpsc, oneshot},
    time::{MissedTickBehavior, interval, sleep, timeout},
};

/// What stands before the name of each channel.
pub(crate) const PREFIX: &str = "annalock:channel:";
/// How often the connection is tried when nothing comes, and channels nobody listens to are left.
const PING_EVERY: Duration = Duration::from_secs(5);
/// How long a subscriber waits to be confirmed.
const CONFIRM_WITHIN: Duration = Duration::from_secs(3);
/// How many messages a slow subscriber may lag behind.
const BACKLOG: usize = 1024;
/// Waits between tries to connect: doubled from the first to the last.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

type Confirmed = oneshot::Sender<()>;

struct Ask {
    channel: String,
    done: Confirmed,
}

struct Channel {
    sender: broadcast::Sender<Heard>,
    /// Redis has confirmed the subscription on the present connection.
    confirmed: bool,
    /// It had confirmed it on an earlier one: what came between is missed.
    was_confirmed: bool,
}

type Map = Arc<Mutex<HashMap<String, Channel>>>;

/// The channels somebody in this process listens to.
pub(crate) struct Channels {
    map: Map,
    asks: mpsc::Sender<Ask>,
    /// Handed to the task when the first subscriber comes.
    start: Mutex<Option<mpsc::Receiver<Ask>>>,
}

impl Channels {
    pub(crate) fn new() -> Self {
        let (asks, start) = mpsc::channel(64);
        Self {
            map: Map::default(),
            asks,
            start: Mutex::new(Some(start)),
        }
    }

    /// Listens to `channel`; starts the task if it is the first.
    pub(crate) async fn subscribe(&self, link: &Arc<Link>, channel: &str) -> Result<Subscription, SharedStateError> {
        let (receiver, confirmed) = {
            let mut map = lock(&self.map);
            let entry = map.entry(channel.to_owned()).or_insert_with(|| Channel {
                sender: broadcast::Sender::new(BACKLOG),
                confirmed: false,
                was_confirmed: false,
            });
            (entry.sender.subscribe(), entry.confirmed)
        };
        if !confirmed {
            if let Some(asks) = lock(&self.start).take() {
                tokio::spawn(
                    Task {
                        link: link.clone(),
                        map: self.map.clone(),
                        asks,
                        turn: 0,
                    }
                    .run(),
                );
            }
            let (done, confirmation) = oneshot::channel();
            let ask = Ask {
                channel: channel.to_owned(),
                done,
            };
            let asked = async { self.asks.send(ask).await.is_ok() && confirmation.await.is_ok() };
            if !matches!(timeout(CONFIRM_WITHIN, asked).await, Ok(true)) {
                return Err(unavailable("the subscription was not confirmed in time"));
            }
        }
        Ok(Subscription::new(receiver))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Task {
    link: Arc<Link>,
    map: Map,
    asks: mpsc::Receiver<Ask>,
    /// Which node of a cluster is next.
    turn: usize,
}

impl Task {
    /// Runs until [`Channels`] is dropped.
    async fn run(mut self) {
        let mut waiting = Vec::new();
        let mut pause = RETRY.0;
        loop {
            if waiting.is_empty() && lock(&self.map).is_empty() {
                match self.asks.recv().await {
                    Some(ask) => waiting.push(ask),
                    None => return,
                }
            }
            if let Ok(connection) = self.connect().await {
                pause = RETRY.0;
                for ask in waiting.drain(..) {
                    let _ = ask.done.send(()); // confirmed with all others just now
                }
                if self.serve(connection).await {
                    return;
                }
            }
            if self.asks.is_closed() {
                return;
            }
            for channel in lock(&self.map).values_mut() {
                channel.was_confirmed |= channel.confirmed;
                channel.confirmed = false;
            }
            sleep(pause).await;
            pause = (pause * 2).min(RETRY.1);
            self.take_waiting(&mut waiting);
        }
    }

    /// Whoever asked while there was no connection, and still waits.
    fn take_waiting(&mut self, waiting: &mut Vec<Ask>) {
        while let Ok(ask) = self.asks.try_recv() {
            waiting.push(ask);
        }
        waiting.retain(|ask| !ask.done.is_closed());
        lock(&self.map).retain(|_, channel| channel.sender.receiver_count() > 0);
    }

    /// Connects and subscribes to everything wanted.
    async fn connect(&mut self) -> Result<(PubSubSink, PubSubStream), RedisError> {
        let late = || RedisError::from((ErrorKind::Io, "no answer in time"));
        let client = timeout(2 * CONNECT_WITHIN, self.client()).await.map_err(|_| late())??;
        let pubsub = timeout(CONNECT_WITHIN, client.get_async_pubsub())
            .await
            .map_err(|_| late())??;
        let (mut sink, stream) = pubsub.split();
        let wanted: Vec<String> = lock(&self.map).keys().cloned().collect();
        if !wanted.is_empty() {
            let names: Vec<String> = wanted.iter().map(|channel| format!("{PREFIX}{channel}")).collect();
            timeout(CONNECT_WITHIN, sink.subscribe(names))
                .await
                .map_err(|_| late())??;
        }
        let mut map = lock(&self.map);
        for channel in wanted {
            if let Some(channel) = map.get_mut(&channel) {
                channel.confirmed = true;
                if std::mem::take(&mut channel.was_confirmed) {
                    let _ = channel.sender.send(Heard::Missed); // no listener: nothing missed
                }
            }
        }
        Ok((sink, stream))
    }

    async fn client(&mut self) -> Result<Client, RedisError> {
        match &self.link.address {
            Address::Single(client) => Ok(client.as_ref().clone()),
            Address::Cluster(_, nodes) => {
                self.turn += 1;
                Ok(nodes[self.turn % nodes.len()].clone())
            }
            Address::Sentinel(client) => client.lock().await.async_get_client().await,
        }
    }

    /// Hands on what comes until the connection breaks (`false`) or [`Channels`] is dropped (`true`).
    async fn serve(&mut self, (mut sink, mut stream): (PubSubSink, PubSubStream)) -> bool {
        let mut ping = interval(PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = stream.next() => match message {
                    Some(message) => self.hand_on(&message),
                    None => return false,
                },
                ask = self.asks.recv() => match ask {
                    Some(ask) => if !self.confirm(&mut sink, ask).await { return false },
                    None => return true,
                },
                _ = ping.tick() => if !self.tidy(&mut sink).await { return false },
            }
        }
    }

    fn hand_on(&self, message: &Msg) {
        let Some(name) = message.get_channel_name().strip_prefix(PREFIX) else {
            return;
        };
        if let Some(channel) = lock(&self.map).get(name) {
            let _ = channel
                .sender
                .send(Heard::Message(Bytes::copy_from_slice(message.get_payload_bytes())));
        }
    }

    async fn confirm(&self, sink: &mut PubSubSink, ask: Ask) -> bool {
        let name = format!("{PREFIX}{}", ask.channel);
        if !matches!(timeout(CONNECT_WITHIN, sink.subscribe(name)).await, Ok(Ok(()))) {
            return false;
        }
        if let Some(channel) = lock(&self.map).get_mut(&ask.channel) {
            channel.confirmed = true;
            let _ = ask.done.send(()); // nobody waits any more: they were told so
        }
        true
    }

    /// Leaves the channels nobody listens to and sees whether the server still answers.
    async fn tidy(&self, sink: &mut PubSubSink) -> bool {
        let unheard: Vec<String> = {
            let mut map = lock(&self.map);
            let gone = map.extract_if(|_, channel| channel.sender.receiver_count() == 0);
            gone.map(|(channel, _)| format!("{PREFIX}{channel}")).collect()
        };
        if !unheard.is_empty() && !matches!(timeout(CONNECT_WITHIN, sink.unsubscribe(unheard)).await, Ok(Ok(()))) {
            return false;
        }
        matches!(timeout(CONNECT_WITHIN, sink.ping::<redis::Value>()).await, Ok(Ok(_)))
    }
}
