//! The store on a real Redis: the scripts beside the pure machine, and each script by itself.
mod contract;
mod heartbeats;
mod limits;
mod model;
mod present;
mod restore;
mod rooms;

use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use rollcall::presence::{Millis, Policy};
use rollcall::store::{Shard, Store, StoreSettings};

use crate::support;

/// A store of its own, at work until the test lets go of it, whose time stands still a day from now.
pub async fn store(shards: Shard) -> Arc<Store> {
    let store = Arc::new(Store::connect(settings(support::prefix(), shards)).await.unwrap());
    let worker = Arc::clone(&store);
    tokio::spawn(async move {
        let dropped = async {
            while Arc::strong_count(&worker) > 1 {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            () = worker.work() => {}
            () = dropped => {}
        }
    });
    store.clock().set(a_day_ahead());
    store
}

fn settings(prefix: String, shards: Shard) -> StoreSettings {
    StoreSettings {
        url: support::stack().redis_url(),
        prefix,
        shards,
        policy: Policy::default(),
        token_life: Duration::from_secs(900),
        stall: Duration::from_secs(1_000_000),
        room_members: 3,
        node: "test".into(),
    }
}

/// The settings with which another node finds the same data.
fn settings_of(store: &Store) -> StoreSettings {
    let prefix = store.keys().nodes();
    settings(prefix.trim_end_matches(":nodes").to_owned(), store.keys().shards())
}

/// Where simulated time starts: far enough ahead that no real lease can interfere.
pub fn a_day_ahead() -> Millis {
    static START: LazyLock<Millis> = LazyLock::new(tomorrow);
    *START
}

fn tomorrow() -> Millis {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Millis(i64::try_from(now.as_millis()).unwrap() + 86_400_000)
}
