//! The one list of fail points: each with the fact that stands before it and the one that does not yet.

/// One row of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The point.
    pub point: FailPoint,
    /// Its name, `loop.fact`.
    pub name: &'static str,
    /// What has just become true.
    pub after: &'static str,
    /// What is about to.
    pub before: &'static str,
}

macro_rules! points {
    ($($point:ident $name:literal: $after:literal => $before:literal;)*) => {
        /// A named place in the program at which a test may end, stop or mislead it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FailPoint {
            $(#[doc = concat!("`", $name, "`: ", $after, "; not yet: ", $before, ".")] $point,)*
        }

        /// Every point, in the order in which a journey meets them.
        pub const POINTS: &[Place] = &[
            $(Place { point: FailPoint::$point, name: $name, after: $after, before: $before },)*
        ];
    };
}

points! {
    EnrollWritten "enroll.written": "the executions are written in the command's transaction" => "committed";
    EnrollCommitted "enroll.committed": "the executions are committed" => "the command has its answer";
    EmitWritten "emit.written": "the event is written in the command's transaction" => "committed";
    EmitCommitted "emit.committed": "the event is committed" => "the command has its answer";

    MatchBegun "match.begun": "the matcher's transaction is open" => "it holds its buckets";
    MatchLocked "match.locked": "its buckets are locked" => "their events are read";
    MatchRead "match.read": "the events are read" => "the contacts' executions are locked";
    MatchClaimed "match.claimed": "the contacts' executions are locked" => "the events are decided";
    MatchAdvanced "match.advanced": "those who waited are advanced" => "anybody is enrolled";
    MatchEnrolled "match.enrolled": "those who fit are enrolled" => "they begin";
    MatchStarted "match.started": "those who begin at once have begun" => "the events are logged";
    MatchLogged "match.logged": "the events are logged" => "committed";
    MatchCommitted "match.committed": "the events are handled" => "the run loop hears of it";

    MatchAlone "match.alone": "a batch of events was refused" => "one contact's events are handled by themselves";
    MatchGivingUp "match.giving-up": "an event is refused even alone" => "it is known whose fault that is";
    MatchGaveUp "match.gave-up": "whose fault it is has failed, or the event is logged with an error" => "committed";

    RunBegun "run.begun": "the runner's transaction is open" => "the due executions are locked";
    RunClaimed "run.claimed": "the due executions are locked" => "the machine has run";
    CommitReserved "commit.reserved": "the machine has run, contacts and ledger are locked" => "anything is written";
    CommitContacts "commit.contacts": "the contacts are written" => "the ledger is";
    CommitLedger "commit.ledger": "the ledger is written" => "the executions are";
    CommitRuns "commit.runs": "executions that go on are written" => "ended ones are moved";
    CommitFinished "commit.finished": "ended executions are moved" => "history is written";
    CommitHistory "commit.history": "history is written" => "moot sends are cancelled";
    CommitCancelled "commit.cancelled": "moot sends are cancelled" => "T1: outbox rows are written";
    CommitSends "commit.sends": "T1: outbox rows are written" => "refusals are";
    RunWritten "run.written": "everything of the batch is written" => "committed";
    RunCommitted "run.committed": "the batch is committed" => "the other loops hear of it";

    RunAlone "run.alone": "a batch was refused" => "one of its executions is locked by itself";
    RunAloneWritten "run.alone-written": "what one execution of a refused batch does is written" => "committed";
    RunFailing "run.failing": "an execution's writes are refused" => "it is locked, to be failed";
    RunFailed "run.failed": "that it failed is written" => "committed";

    WakesClaimed "wakes.claimed": "waiting inputs are locked" => "their executions are advanced";
    WakesAdvanced "wakes.advanced": "the executions are advanced" => "the inputs are deleted";
    WakesDeleted "wakes.deleted": "the inputs are deleted" => "committed";
    WakesCommitted "wakes.committed": "the inputs are consumed" => "the other loops hear of it";
    WakesAlone "wakes.alone": "a batch of inputs was refused" => "one execution's inputs are locked by themselves";

    DispatchBegun "dispatch.begun": "a dispatcher has room" => "T2: the rows are claimed";
    DispatchClaimed "dispatch.claimed": "T2: the claim is committed" => "a send is on its way";
    BarrierAsked "barrier.asked": "there is time left in the lease" => "T2b: the barrier is passed";
    BarrierPassed "barrier.passed": "T2b: the barrier is committed" => "the connector is called";
    SendBefore "send.before": "the row may be sent" => "the connector is called";
    SendAnswered "send.answered": "the connector has answered" => "T3 is begun";
    FinishBegun "finish.begun": "T3: the transaction is open" => "the rows are locked";
    FinishLocked "finish.locked": "T3: the rows that are still ours are locked" => "anything is written";
    FinishRetried "finish.retried": "T3: what comes again is pending, what is late is evidence" => "what ended is moved";
    FinishMoved "finish.moved": "T3: what ended is moved to deliveries" => "the executions are advanced";
    FinishTold "finish.told": "T3: the executions are advanced" => "committed";
    FinishCommitted "finish.committed": "T3: committed" => "the dispatcher knows";
    FinishAlone "finish.alone": "T3 of several answers was refused" => "one of them is recorded by itself";
    FinishApart "finish.apart": "what follows an answer is refused" => "it is recorded, and its execution told apart";

    ScheduleBegun "schedule.begun": "timers may be due" => "they are events";
    ScheduleFired "schedule.fired": "due timers are events, committed" => "the matcher hears of it";

    ReapBegun "reap.begun": "T4: the transaction is open" => "lost leases are taken";
    ReapClaimed "reap.claimed": "T4: lost leases have a new fence" => "what comes again is pending";
    ReapRetried "reap.retried": "T4: what comes again is pending" => "what ended is moved";
    ReapMoved "reap.moved": "T4: what ended is moved to deliveries" => "the executions are told";
    ReapTold "reap.told": "T4: the executions are told" => "committed";
    ReapCommitted "reap.committed": "T4: committed" => "the dispatcher hears of it";
    ReapApart "reap.apart": "T4: what follows a lost lease is refused" => "it is settled, and its execution told apart";
    PartitionsBegun "partitions.begun": "days may be missing" => "their partitions stand";
    PartitionsMade "partitions.made": "the partitions stand" => "the janitor sleeps";

    ListenerListens "listener.listens": "LISTEN is on" => "the loops look once for what came before";
    ListenerHeard "listener.heard": "a notification came" => "the loops hear of it";
    DoorbellRinging "doorbell.ringing": "other processes have something to do" => "they are notified";
    DoorbellRung "doorbell.rung": "they are notified" => "the next ring is allowed";
    DoorbellArming "doorbell.arming": "this worker is idle" => "applications know that they must ring";
    DoorbellArmed "doorbell.armed": "applications know that they must ring" => "the worker waits for them";
    HintSeen "hint.seen": "the sequence that applications bump has moved" => "the loops hear of it";
}

#[cfg(test)]
mod tests {
    use super::POINTS;

    #[test]
    fn names_are_told_apart_and_read_as_loop_and_fact() {
        let mut names: Vec<&str> = POINTS.iter().map(|place| place.name).collect();
        assert!(names.iter().all(|name| name.split('.').count() == 2));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), POINTS.len());
    }
}
