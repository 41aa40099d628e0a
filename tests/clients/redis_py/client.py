# client.py HOST:PORT: an application on redis-py with the settings that it comes with. tests/clients/client.h says what it does
# and what it prints.
import signal
import sys
import threading
import time
from collections import Counter

from redis.cluster import RedisCluster

TAGS, QUEUES = 200, 8
SCRIPT = "redis.call('INCRBY', KEYS[2], 2) return redis.call('INCR', KEYS[1])"
host, port = sys.argv[1].rsplit(":", 1)
redis = RedisCluster(host=host, port=int(port))
stop = threading.Event()


class Wrong(Exception):
    """An answer that contradicts what was acknowledged before."""


def expect(said, wanted):
    if said != wanted:
        raise Wrong(f"{said} instead of {wanted}")


class Work:
    """One kind of command, on a thread of its own, over one key or pair of keys after another."""

    def __init__(self, kind, step, count=TAGS):
        self.kind, self.step, self.count = kind, step, count
        self.done = [0] * count  # acknowledged
        self.errors = Counter()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        i = 0
        while not stop.is_set():
            try:
                self.step(self, i)
            except Exception as error:
                self.failed(error)
            i = (i + 1) % self.count
            time.sleep(0.001)

    def failed(self, error):
        self.errors[f"{type(error).__name__} {error}"] += 1


def single(work, i):
    redis.set(f"set:{{{i}}}", work.done[i] + 1)
    work.done[i] += 1
    expect(redis.get(f"set:{{{i}}}"), b"%d" % work.done[i])


def count(work, i):
    said = redis.incr(f"incr:{{{i}}}")
    work.done[i] += 1
    expect(said, work.done[i])


def several(work, i):
    value = work.done[i] + 1
    redis.mset({f"a:{{{i}}}": value, f"b:{{{i}}}": value})
    work.done[i] += 1
    expect(redis.mget(f"a:{{{i}}}", f"b:{{{i}}}"), [b"%d" % value] * 2)


def transaction(work, i):
    said = redis.pipeline(transaction=True).incr(f"x:{{{i}}}").incrby(f"y:{{{i}}}", 2).execute()
    work.done[i] += 1
    expect(said, [work.done[i], 2 * work.done[i]])


def script(work, i):
    said = redis.eval(SCRIPT, 2, f"l:{{{i}}}", f"m:{{{i}}}")
    work.done[i] += 1
    expect(said, work.done[i])


def pipeline(work, i):
    keys = [(i + step * 10) % TAGS for step in range(10)]
    batch = redis.pipeline(transaction=False)
    for key in keys:
        batch.incr(f"p:{{{key}}}")
    for key, said in zip(keys, batch.execute(raise_on_error=False)):
        try:
            if isinstance(said, Exception):
                raise said
            work.done[key] += 1
            expect(said, work.done[key])
        except Exception as error:
            work.failed(error)


def push(work, i):
    redis.rpush(f"queue:{{{i}}}", work.done[i])
    work.done[i] += 1


# Each queue has one consumer, so what is pushed comes out in order.
def pop(work, _, queue):
    said = redis.blpop(f"queue:{{{queue}}}", timeout=1)
    if said is not None:
        work.done[0] += 1
        expect(said[1], b"%d" % (work.done[0] - 1))


def consumer(queue):
    return Work("BLPOP", lambda work, i: pop(work, i, queue), 1)


signal.signal(signal.SIGTERM, lambda *_: stop.set())
keys = {"SET": ["set"], "INCR": ["incr"], "MSET": ["a", "b"], "MULTI": ["x", "y"], "EVAL": ["l", "m"], "pipeline": ["p"]}
steps = {"SET": single, "INCR": count, "MSET": several, "MULTI": transaction, "EVAL": script, "pipeline": pipeline}
works = [Work(kind, step) for kind, step in steps.items()]
producer = Work("RPUSH", push, QUEUES)
consumers = [consumer(queue) for queue in range(QUEUES)]
everybody = works + [producer] + consumers
while not stop.is_set() and not all(work.done[0] for work in everybody):
    time.sleep(0.01)
print("ready", flush=True)
stop.wait()
for work in everybody:
    work.thread.join()
    print("did", work.kind, sum(work.done))
    for error, times in work.errors.items():
        print("error", work.kind, times, " ".join(error.split()))
for work in works:
    second = 2 if work.kind in ("MULTI", "EVAL") else 1
    for i, done in enumerate(work.done):
        for name, factor in zip(keys[work.kind], [1, second]):
            print("key", f"{name}:{{{i}}}", done * factor)
for queue, work in enumerate(consumers):
    print("queue", f"queue:{{{queue}}}", producer.done[queue] - work.done[0])
print("end", flush=True)
