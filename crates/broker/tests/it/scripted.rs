//! A handler that tells the test what arrives and answers as the test says.

use crate::PATIENCE;
use async_trait::async_trait;
use broker::{Broker, Delivery, Handler, Outcome};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

type Answer = dyn Fn(&Delivery) -> Outcome + Send + Sync;

struct Scripted {
    arrived: mpsc::UnboundedSender<Delivery>,
    answer: Box<Answer>,
}

#[async_trait]
impl Handler for Scripted {
    async fn handle(&self, delivery: &Delivery) -> Outcome {
        // The test may have seen enough.
        let _ = self.arrived.send(delivery.clone());
        (self.answer)(delivery)
    }
}

/// A running consumer of one queue.
pub struct Consumer {
    arrivals: mpsc::UnboundedReceiver<Delivery>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Consumer {
    /// Consumes `queue`, giving `answer` to each delivery.
    pub async fn start(
        broker: &Broker,
        queue: &'static str,
        answer: impl Fn(&Delivery) -> Outcome + Send + Sync + 'static,
    ) -> Self {
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let handler = Arc::new(Scripted {
            arrived,
            answer: Box::new(answer),
        });
        let task = broker.consume(queue, handler, stop.clone());
        assert!(broker.wait_connected(PATIENCE).await, "not subscribed");
        Self {
            arrivals,
            stop,
            task,
        }
    }

    /// The next delivery.
    pub async fn next(&mut self) -> Delivery {
        timeout(PATIENCE, self.arrivals.recv())
            .await
            .expect("nothing arrived")
            .expect("the consumer is gone")
    }

    /// The next delivery's payload.
    pub async fn next_text(&mut self) -> String {
        String::from_utf8(self.next().await.body).unwrap()
    }

    /// Stops and waits for the end.
    pub async fn stop(self) {
        self.stop.cancel();
        timeout(PATIENCE, self.task)
            .await
            .expect("the consumer does not end")
            .unwrap();
    }
}
