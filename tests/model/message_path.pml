/*
 * The message path as a model: receive, claim, lease with fence, journal, settle, send, receipt.
 *
 * One conversation, MESSAGES messages that a vendor delivers until it is acknowledged (and once more,
 * because vendors do), two workers, two senders, and a crash possible at every step while CRASHES
 * lasts. State names are those of konstruct_messages (TurnState, DeliveryState). An atomic block is
 * one database transaction or one call at the provider.
 *
 * Checked exhaustively, for every order of events:
 *   lost       at rest every acknowledged message is covered by an answered turn whose reply was sent
 *   doubled    no message is covered by two turns, no turn has two replies, the provider has no reply twice
 *   repeated   no effect of a step happens twice
 *   reordered  replies reach the provider in the order of their turns
 *   stuck      at rest no turn is open and no delivery is under way
 *
 * A worker may show a draft of a reply before it is recorded (a native stream): its row
 * is committed, the provider is called, the id is noted; the sender makes the reply of what is there.
 *
 * Drafts multiply the states, so they are searched by themselves (-DDRAFTS) with one crash and one
 * expiry; with two of each it takes minutes, and finds nothing either.
 *
 * Compile with -DWEAK_... to take one guard away; each must be caught.
 */

#ifndef MESSAGES
#define MESSAGES 2
#endif
#ifndef CRASHES
#define CRASHES 2
#endif
#ifndef EXPIRIES
#define EXPIRIES 2              /* leases that run out under a living worker */
#endif
#define TURNS MESSAGES          /* at most one turn for each message */

mtype:turn = { None, Queued, Claimed, Answered };
mtype:delivery = { NoDelivery, Drafting, DeliveryQueued, Sending, Sent };

/* What the store holds. */
bool stored[MESSAGES];          /* inbox row, with its dedupe key */
byte rows[MESSAGES];            /* how many inbox rows a message has */
byte covered[MESSAGES];         /* how many turns cover it */
mtype:turn turn[TURNS];
byte attempt[TURNS];
bool leased[TURNS];             /* the lease has not run out */
bool journalled[TURNS];         /* the turn's one step is in the journal */
byte replies[TURNS];
mtype:delivery delivery[TURNS];
byte sending_attempt[TURNS];
bool sending_leased[TURNS];
bool drafted[TURNS];            /* the provider may show a draft of the delivery */
bool noted[TURNS];              /* its id is known */
bool held[TURNS];               /* the call that begins the draft may be under way */
byte turns = 0;                 /* turns made so far; the last one may be open */

/* What the world has seen. */
bool acknowledged[MESSAGES];
byte effects[TURNS];            /* how often a turn's step took effect */
byte received[TURNS];           /* how often the provider has a turn's reply */
byte newest_received = 0;       /* 1 + the highest turn whose reply the provider has */
byte crashes = CRASHES;

inline crash_here(label) {
    if
    :: atomic { crashes > 0 -> crashes--; goto label }
    :: true
    fi
}

/* The vendor delivers until it has its 2xx, and then perhaps once more. */
proctype Vendor(byte m) {
    bool again = true;
deliver:
#ifdef WEAK_ACKNOWLEDGE_FIRST
    acknowledged[m] = true;
    if
    :: atomic { crashes > 0 -> crashes--; goto done }
    :: true
    fi;
#endif
    atomic {                    /* one transaction: dedupe key and inbox row */
        if
#ifdef WEAK_NO_DEDUPE
        :: true -> stored[m] = true; rows[m]++
#else
        :: !stored[m] -> stored[m] = true; rows[m]++
        :: else
#endif
        fi
    }
    crash_here(deliver);        /* after commit, before the answer: the vendor tries again */
    acknowledged[m] = true;
    if
    :: again -> again = false; goto deliver
    :: true
    fi;
done:
    skip
}

/* There is something to claim: an open turn without a lease, or messages that no turn covers. */
#define OPEN (turns > 0 && turn[turns - 1] != Answered)
#define UNCOVERED(m) (rows[m] > covered[m])
#if MESSAGES == 2
#define WORK (UNCOVERED(0) || UNCOVERED(1))
#else
#define WORK (UNCOVERED(0) || UNCOVERED(1) || UNCOVERED(2))
#endif

/* Order is kept per conversation: a delivery waits for those of earlier turns. */
#define EARLIER_SENT(t) (t == 0 || delivery[t - 1] == Sent)

#ifdef WEAK_DRAFT_OVERTAKES
#define MAY_SHOW(t) true
#else
#define MAY_SHOW(t) EARLIER_SENT(t)     /* no draft overtakes a reply that is still on its way */
#endif

proctype Worker() {
    byte t, a, m;
    bool there;
claim:
    atomic { t = 0; a = 0; m = 0; there = false };
end_idle:
    atomic {                    /* one transaction on the conversation's dispatch row */
        if
        :: OPEN && !leased[turns - 1] ->
            t = turns - 1; attempt[t]++; a = attempt[t]; leased[t] = true; turn[t] = Claimed
#ifdef WEAK_TWO_OPEN_TURNS
        :: WORK && turns < TURNS ->
#else
        :: !OPEN && WORK && turns < TURNS ->
#endif
            t = turns; turns++;
            turn[t] = Claimed; attempt[t] = 1; a = 1; leased[t] = true;
            m = 0;
            do                  /* the first claim freezes the turn's messages */
            :: m < MESSAGES && UNCOVERED(m) -> covered[m]++; m++
#ifdef WEAK_TWO_OPEN_TURNS
               ; break          /* SKIP LOCKED over messages: each claimer takes the next one */
#endif
            :: m < MESSAGES && !UNCOVERED(m) -> m++
            :: m >= MESSAGES -> break
            od
        fi;
        m = 0
    }
    crash_here(claim);
#ifdef DRAFTS
    if
    :: atomic {                 /* perhaps a draft: its row first, fenced, one writer at a time */
        attempt[t] == a && turn[t] == Claimed && !noted[t] && !held[t] && MAY_SHOW(t) ->
            there = drafted[t]; delivery[t] = Drafting; drafted[t] = true; held[t] = true
        };
        crash_here(claim);
        atomic {                /* the call; whoever goes on with another's draft asks first */
            if
            :: held[t] && !(there && received[t] > 0) ->
                assert(newest_received <= t);                       /* reordered? */
                received[t]++; newest_received = t + 1
            :: else
            fi
        };
        crash_here(claim);
        atomic { noted[t] = true; held[t] = false }
    :: true
    fi;
#endif
    if                          /* the journal says whether the step was done before */
    :: journalled[t] -> goto complete
    :: else
    fi;
    atomic {                    /* the step's effect and its row: one transaction, fenced */
        if
#ifdef WEAK_NO_FENCE
        :: true -> effects[t]++; journalled[t] = true
#else
        :: attempt[t] == a && turn[t] == Claimed ->
            if
            :: !journalled[t] -> effects[t]++; journalled[t] = true
            :: else
            fi
        :: else -> goto claim   /* 409: somebody else has the turn */
#endif
        fi
    }
    crash_here(claim);
complete:
    atomic {                    /* settle, reply and outbox: one transaction, fenced */
        if
#ifdef WEAK_NO_FENCE
        :: true ->
#else
        :: attempt[t] == a && turn[t] == Claimed ->
#endif
            turn[t] = Answered; replies[t]++; leased[t] = false; delivery[t] = DeliveryQueued
#ifndef WEAK_NO_FENCE
        :: else                 /* lost, or already recorded: repeating changes nothing */
#endif
        fi
    }
    crash_here(claim);
    goto claim
}

#ifdef WEAK_NO_HOLD
#define READY(t) (delivery[t] == DeliveryQueued)
#else
#define READY(t) (delivery[t] == DeliveryQueued && !held[t])
#endif

proctype Sender() {
    byte t, a;
    bool there;
pick:
    atomic { t = 0; a = 0; there = false };
end_idle:
    atomic {
        if
#ifdef WEAK_NO_ORDER
        :: READY(0) -> t = 0
        :: READY(1) -> t = 1
#else
        :: READY(0) -> t = 0
        :: READY(1) && EARLIER_SENT(1) -> t = 1
#endif
        :: delivery[0] == Sending && !sending_leased[0] -> t = 0
        :: delivery[1] == Sending && !sending_leased[1] -> t = 1
        fi;
        if
        :: delivery[t] == Sending -> there = true   /* an earlier attempt may have reached it */
#ifndef WEAK_DRAFT_FORGOTTEN
        :: delivery[t] != Sending && drafted[t] -> there = true
#endif
        :: else
        fi;
        delivery[t] = Sending; sending_attempt[t]++; a = sending_attempt[t]; sending_leased[t] = true
    }
    crash_here(pick);
    atomic {                    /* the call at the provider */
        if
        :: sending_attempt[t] != a -> goto pick
#ifdef WEAK_NO_ASKING
        :: sending_attempt[t] == a ->
            received[t]++; newest_received = (newest_received > t + 1 -> newest_received : t + 1)
#else
        :: sending_attempt[t] == a && there && received[t] > 0      /* asked: it has it */
        :: sending_attempt[t] == a && !(there && received[t] > 0) ->
            assert(newest_received <= t);                           /* reordered? */
            received[t]++; newest_received = t + 1
#endif
        fi
    }
    crash_here(pick);
    atomic {                    /* recorded, fenced */
        if
        :: sending_attempt[t] == a && delivery[t] == Sending ->
            delivery[t] = Sent; sending_leased[t] = false
        :: else
        fi
    }
    goto pick
}

/*
 * Leases run out at any time, even under a living worker. A sender's does so only when its call is
 * surely over, which is what makes asking decisive: the vendor's time-out is shorter than the lease,
 * and a replica breaks its calls off before the others may hold it for dead and end its leases.
 */
proctype Clock() {
    byte steps = EXPIRIES;
    do
    :: atomic { steps > 0 && turns > 0 && leased[turns - 1] -> leased[turns - 1] = false; steps-- }
    :: atomic { steps > 0 && turns > 1 && leased[turns - 2] -> leased[turns - 2] = false; steps-- }
    :: atomic { timeout ->      /* nobody else can move: crashed holders' leases end */
        if
        :: turns > 0 && leased[0] -> leased[0] = false
        :: turns > 1 && leased[1] -> leased[1] = false
        :: delivery[0] == Sending && sending_leased[0] -> sending_leased[0] = false
        :: delivery[1] == Sending && sending_leased[1] -> sending_leased[1] = false
        :: held[0] -> held[0] = false
        :: held[1] -> held[1] = false
        :: else -> break
        fi }
    od;
    atomic {                    /* at rest */
        byte m = 0;
        do
        :: m < MESSAGES ->
            assert(!acknowledged[m] || covered[m] == 1);            /* lost, doubled */
            m++
        :: else -> break
        od;
        m = 0;
        do
        :: m < turns ->
            assert(turn[m] == Answered && delivery[m] == Sent);     /* stuck */
            assert(replies[m] == 1 && received[m] == 1);            /* lost, doubled */
            assert(effects[m] <= 1);                                /* repeated */
            m++
        :: else -> break
        od
    }
}

init {
    atomic {
        run Vendor(0); run Vendor(1);
        run Worker(); run Worker();
        run Sender(); run Sender();
        run Clock()
    }
}
