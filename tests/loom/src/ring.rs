//! The queue of a mailbox: no message is lost or kept when its receiver ends.

use crate::sync;
use loom::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread,
};

#[path = "../../../dataplane/ring/src/queue.rs"]
mod queue;

use queue::Queue;

/// A message that counts where it ends, and carries a number that only the queue makes visible.
struct Message {
    dropped: Arc<AtomicU32>,
    content: Arc<AtomicU32>,
}

impl Drop for Message {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Relaxed);
    }
}

/// Two senders, and a receiver that takes one message and ends.
pub fn no_message_is_left_behind() {
    let (queue, dropped) = (Arc::new(Queue::new(2)), Arc::new(AtomicU32::new(0)));
    let senders = [(); 2].map(|()| {
        let (queue, dropped) = (queue.clone(), dropped.clone());
        thread::spawn(move || {
            let content = Arc::new(AtomicU32::new(0));
            content.store(7, Relaxed);
            // What comes back is dropped here.
            drop(queue.push(Message { dropped, content }));
        })
    });
    if let Some(message) = queue.pop() {
        assert_eq!(message.content.load(Relaxed), 7);
    }
    queue.abandon();
    for sender in senders {
        sender.join().expect("it does not panic");
    }
    assert_eq!((queue.len(), dropped.load(Relaxed)), (0, 2));
}
