//! A DNS server that holds the TXT records it is told, over UDP (RFC 1035).

use hickory_resolver::proto::{
    op::{Message, ResponseCode},
    rr::{RData, Record, RecordType, rdata::TXT},
};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::net::UdpSocket;

/// The server; it ends with the runtime it was started in.
#[derive(Clone)]
pub struct Dns {
    pub address: SocketAddr,
    texts: Arc<Mutex<HashMap<String, Vec<String>>>>,
}

impl Dns {
    /// A server without any record.
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let dns = Self {
            address: socket.local_addr().unwrap(),
            texts: Arc::default(),
        };
        let answering = dns.clone();
        tokio::spawn(async move {
            let mut bytes = [0; 4_096];
            loop {
                let (length, from) = socket.recv_from(&mut bytes).await.unwrap();
                let Ok(asked) = Message::from_vec(&bytes[..length]) else {
                    continue;
                };
                let answer = answering.answer(&asked).to_vec().unwrap();
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        dns
    }

    /// Makes these the texts of a name.
    pub fn set(&self, name: &str, texts: &[&str]) {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        self.texts.lock().unwrap().insert(name.to_owned(), texts);
    }

    fn answer(&self, asked: &Message) -> Message {
        let mut answer = Message::response(asked.metadata.id, asked.metadata.op_code);
        answer.metadata.recursion_available = true;
        for query in &asked.queries {
            answer.add_query(query.clone());
            let name = query.name().to_utf8().to_lowercase();
            match self.texts.lock().unwrap().get(name.trim_end_matches('.')) {
                Some(texts) if query.query_type() == RecordType::TXT => {
                    for text in texts {
                        let data = RData::TXT(TXT::new(vec![text.clone()]));
                        answer.add_answer(Record::from_rdata(query.name().clone(), 60, data));
                    }
                }
                Some(_) => {}
                None => answer.metadata.response_code = ResponseCode::NXDomain,
            }
        }
        answer
    }
}
