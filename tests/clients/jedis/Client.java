// Client HOST:PORT: an application on Jedis with the settings that it comes with. tests/clients/client.h says what it does and what
// it prints. Jedis has no transaction over a cluster, so there is no MULTI here.
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.RedisClusterClient;
import redis.clients.jedis.Response;

class Client {
  static final int TAGS = 200, QUEUES = 8;
  static final String SCRIPT = "redis.call('INCRBY', KEYS[2], 2) return redis.call('INCR', KEYS[1])";
  static final CountDownLatch stop = new CountDownLatch(1);
  static RedisClusterClient redis;

  interface Step { void run(Work work, int i); }

  // One kind of command, on a thread of its own, over one key or pair of keys after another.
  static class Work extends Thread {
    final String kind;
    final String[] names; // of its keys; the second counts as `second` says
    final int second;
    final Step step;
    final int[] done; // acknowledged
    volatile boolean any;
    final Map<String, Integer> errors = new ConcurrentHashMap<>();

    Work(String kind, int count, Step step, int second, String... names) {
      this.kind = kind;
      this.names = names;
      this.second = second;
      this.step = step;
      done = new int[count];
      start();
    }

    @Override public void run() {
      for (int i = 0; stop.getCount() > 0; i = (i + 1) % done.length) {
        try {
          step.run(this, i);
          Thread.sleep(1);
        } catch (Exception error) {
          count(error);
        }
      }
    }

    void count(Exception error) { errors.merge(error.getClass().getSimpleName() + " " + error.getMessage(), 1, Integer::sum); }

    int acknowledged(int i) {
      any = true;
      return ++done[i];
    }
  }

  // An answer may not contradict what was acknowledged before.
  static void expect(Object said, Object wanted) {
    if (!said.toString().equals(wanted.toString())) throw new IllegalStateException(said + " instead of " + wanted);
  }

  static String key(String name, int i) { return name + ":{" + i + "}"; }

  static void single(Work work, int i) {
    redis.set(key("set", i), "" + (work.done[i] + 1));
    int wanted = work.acknowledged(i);
    expect(redis.get(key("set", i)), wanted);
  }

  static void count(Work work, int i) {
    long said = redis.incr(key("incr", i));
    expect(said, work.acknowledged(i));
  }

  static void several(Work work, int i) {
    String value = "" + (work.done[i] + 1);
    redis.mset(key("a", i), value, key("b", i), value);
    work.acknowledged(i);
    expect(redis.mget(key("a", i), key("b", i)), List.of(value, value));
  }

  static void script(Work work, int i) {
    Object said = redis.eval(SCRIPT, 2, key("l", i), key("m", i));
    expect(said, work.acknowledged(i));
  }

  static void pipeline(Work work, int i) {
    List<Response<Long>> said = new ArrayList<>();
    try (var batch = redis.pipelined()) {
      for (int step = 0; step < 10; ++step) said.add(batch.incr(key("p", (i + step * 10) % TAGS)));
    }
    for (int step = 0; step < 10; ++step) {
      try {
        long value = said.get(step).get();
        expect(value, work.acknowledged((i + step * 10) % TAGS));
      } catch (Exception error) {
        work.count(error);
      }
    }
  }

  static void push(Work work, int i) {
    redis.rpush(key("queue", i), "" + work.done[i]);
    work.acknowledged(i);
  }

  // Each queue has one consumer, so what is pushed comes out in order.
  static void pop(Work work, int queue) {
    List<String> said = redis.blpop(1, key("queue", queue));
    if (said != null && !said.isEmpty()) expect(said.get(1), work.acknowledged(0) - 1);
  }

  static void report(List<Work> everybody, Work producer, List<Work> consumers) {
    var out = new StringBuilder();
    for (var work : everybody) {
      int sum = 0;
      for (int i = 0; i < work.done.length; ++i) {
        sum += work.done[i];
        for (int n = 0; n < work.names.length; ++n)
          out.append("key " + key(work.names[n], i) + " " + work.done[i] * (n == 0 ? 1 : work.second) + "\n");
      }
      out.append("did " + work.kind + " " + sum + "\n");
      work.errors.forEach((text, times) -> out.append("error " + work.kind + " " + times + " " + text.replaceAll("\\s+", " ") + "\n"));
    }
    for (int queue = 0; queue < QUEUES; ++queue)
      out.append("queue " + key("queue", queue) + " " + (producer.done[queue] - consumers.get(queue).done[0]) + "\n");
    System.out.println(out + "end");
  }

  static void join(List<Work> everybody) {
    try {
      for (var work : everybody) work.join();
    } catch (InterruptedException error) {
      throw new IllegalStateException(error);
    }
  }

  public static void main(String[] words) throws Exception {
    redis = RedisClusterClient.create(HostAndPort.from(words[0]));
    var everybody = new ArrayList<>(List.of(
        new Work("SET", TAGS, Client::single, 1, "set"), new Work("INCR", TAGS, Client::count, 1, "incr"),
        new Work("MSET", TAGS, Client::several, 1, "a", "b"), new Work("EVAL", TAGS, Client::script, 2, "l", "m"),
        new Work("pipeline", TAGS, Client::pipeline, 1, "p")));
    var producer = new Work("RPUSH", QUEUES, Client::push, 1);
    var consumers = new ArrayList<Work>();
    for (int queue = 0; queue < QUEUES; ++queue) {
      int mine = queue;
      consumers.add(new Work("BLPOP", 1, (work, i) -> pop(work, mine), 1));
    }
    everybody.add(producer);
    everybody.addAll(consumers);
    while (!everybody.stream().allMatch(work -> work.any)) Thread.sleep(10);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      stop.countDown();
      join(everybody);
      report(everybody, producer, consumers);
    }));
    System.out.println("ready");
  }
}
