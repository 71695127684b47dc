//! What an executor remembers saves a question, and never decides alone.

use super::world::{ANN, FOLDER, World, create, name, rename};
use commands::context::Context;
use commands::execute::{ExecuteError, Executor, Transaction, Unit};
use commands::ports::EventStore;
use commands::vault::folder::{DeleteFolder, FolderError, RenameFolder};
use domain::event::Aggregate;
use domain::id::FolderId;
use domain::time::Timestamp;
use domain::vault::folder::{Folder, FolderEvent};
use uuid::Uuid;

fn context() -> Context {
    Context::system(Uuid::new_v4(), None)
}

async fn stored(world: &World) -> usize {
    world
        .store
        .read_stream(&Folder::stream(FOLDER), 0, 1_000)
        .await
        .unwrap()
        .len()
}

#[tokio::test]
async fn a_change_of_what_is_remembered_asks_nothing() {
    let world = World::in_memory();
    let executor = world.started();
    create(&executor).await;
    world.store.take();
    rename(&executor, 1).await;
    rename(&executor, 2).await;
    assert_eq!(world.store.take(), []);
    assert_eq!(stored(&world).await, 3);
}

#[tokio::test]
async fn a_change_behind_that_of_another_process_is_decided_on_what_there_is() {
    let world = World::in_memory();
    let [one, other] = [(); 2].map(|()| world.started());
    create(&one).await;
    rename(&other, 1).await;
    // one remembers the name the folder was made with: "nothing changes" would be wrong
    rename(&one, 0).await;
    assert_eq!(stored(&world).await, 3);
    let named = |number| Folder::Live {
        owner: ANN,
        name: name(number),
    };
    assert_eq!(other.state::<Folder>(FOLDER).await.unwrap(), named(0));
    // the same for a change that has events to append
    rename(&other, 5).await;
    rename(&one, 6).await;
    assert_eq!(other.state::<Folder>(FOLDER).await.unwrap(), named(6));
}

#[tokio::test]
async fn what_another_process_deleted_stays_deleted() {
    let world = World::in_memory();
    let [one, other] = [(); 2].map(|()| world.started());
    create(&one).await;
    let delete = DeleteFolder {
        folder: FOLDER,
        by: ANN,
    };
    other.execute(&context(), &delete).await.unwrap();
    let rename = RenameFolder {
        folder: FOLDER,
        by: ANN,
        name: name(1),
    };
    let refused = one.execute(&context(), &rename).await.map(drop);
    assert!(matches!(refused, Err(ExecuteError::Refused(FolderError::NotFound))));
}

/// Makes another folder if there is `FOLDER`.
struct Beside(FolderId);

impl Transaction for Beside {
    type Output = ();
    type Error = FolderError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<FolderError>> {
        let known = unit.load_many::<Folder>(&[FOLDER]).await?;
        if !known[0].state.is_of(ANN) {
            return Err(ExecuteError::Refused(FolderError::NotFound));
        }
        let made = FolderEvent::Created {
            owner: ANN,
            name: name(7),
            at: Timestamp(1),
        };
        let new = unit.fresh::<Folder>(self.0);
        unit.append(new, vec![made]);
        Ok(())
    }
}

#[tokio::test]
async fn what_is_only_looked_at_is_looked_at_once_and_as_it_is() {
    let world = World::in_memory();
    let [one, other] = [(); 2].map(|()| world.started());
    create(&one).await;
    world.store.take();
    let beside = |executor: Executor, number| async move {
        let id = FolderId(Uuid::from_u128(number));
        executor.transact(&context(), &Beside(id)).await.map(drop)
    };
    beside(one.clone(), 100).await.unwrap();
    assert_eq!(world.store.take(), [(1, 0)], "one question, behind what is remembered");
    let delete = DeleteFolder {
        folder: FOLDER,
        by: ANN,
    };
    other.execute(&context(), &delete).await.unwrap();
    let refused = beside(one.clone(), 101).await;
    assert!(matches!(refused, Err(ExecuteError::Refused(FolderError::NotFound))));
    // and the other way round: what was refused by memory is asked for
    let made = FolderEvent::Created {
        owner: ANN,
        name: name(8),
        at: Timestamp(9),
    };
    let (type_name, _, data) = domain::event::DomainEvent::encode(&made);
    world
        .add(&Folder::stream(FOLDER), 2, vec![(type_name.to_owned(), data)])
        .await;
    beside(one, 102).await.unwrap();
}
