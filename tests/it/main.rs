mod eventstore;
