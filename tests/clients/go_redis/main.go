// client HOST:PORT: an application on go-redis with the settings that it comes with. tests/clients/client.h says what it does and
// what it prints.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

const tags, queues = 200, 8
const script = "redis.call('INCRBY', KEYS[2], 2) return redis.call('INCR', KEYS[1])"

var (
	ctx  = context.Background()
	rdb  *redis.ClusterClient
	stop = make(chan struct{})
	all  sync.WaitGroup
)

// One kind of command, on a goroutine of its own, over one key or pair of keys after another.
type work struct {
	kind   string
	names  []string // of its keys; the second counts as `second` says
	second int
	done   []int // acknowledged
	errors map[string]int
	any    atomic.Bool
}

func start(kind string, count int, step func(*work, int) error, second int, names ...string) *work {
	w := &work{kind: kind, names: names, second: second, done: make([]int, count), errors: map[string]int{}}
	all.Add(1)
	go func() {
		defer all.Done()
		for i := 0; ; i = (i + 1) % count {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			if err := step(w, i); err != nil {
				w.errors[err.Error()]++
			}
		}
	}()
	return w
}

func (w *work) acknowledged(i int) int {
	w.any.Store(true)
	w.done[i]++
	return w.done[i]
}

// An answer that contradicts what was acknowledged before.
func expect(said, wanted any) error {
	if fmt.Sprint(said) == fmt.Sprint(wanted) {
		return nil
	}
	return fmt.Errorf("wrong: %v instead of %v", said, wanted)
}

func key(name string, i int) string { return fmt.Sprintf("%s:{%d}", name, i) }

func single(w *work, i int) error {
	if err := rdb.Set(ctx, key("set", i), w.done[i]+1, 0).Err(); err != nil {
		return err
	}
	wanted := w.acknowledged(i)
	said, err := rdb.Get(ctx, key("set", i)).Result()
	if err != nil {
		return err
	}
	return expect(said, wanted)
}

func count(w *work, i int) error {
	said, err := rdb.Incr(ctx, key("incr", i)).Result()
	if err != nil {
		return err
	}
	return expect(said, w.acknowledged(i))
}

func several(w *work, i int) error {
	a, b, value := key("a", i), key("b", i), w.done[i]+1
	if err := rdb.MSet(ctx, a, value, b, value).Err(); err != nil {
		return err
	}
	w.acknowledged(i)
	said, err := rdb.MGet(ctx, a, b).Result()
	if err != nil {
		return err
	}
	return expect(said, []int{value, value})
}

func transaction(w *work, i int) error {
	said, err := rdb.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Incr(ctx, key("x", i))
		pipe.IncrBy(ctx, key("y", i), 2)
		return nil
	})
	if err != nil {
		return err
	}
	wanted := w.acknowledged(i)
	return expect([]int64{said[0].(*redis.IntCmd).Val(), said[1].(*redis.IntCmd).Val()}, []int{wanted, 2 * wanted})
}

func eval(w *work, i int) error {
	said, err := rdb.Eval(ctx, script, []string{key("l", i), key("m", i)}).Result()
	if err != nil {
		return err
	}
	return expect(said, w.acknowledged(i))
}

func pipeline(w *work, i int) error {
	said, _ := rdb.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for step := range 10 {
			pipe.Incr(ctx, key("p", (i+step*10)%tags))
		}
		return nil
	})
	var wrong error
	for step, command := range said {
		if err := command.Err(); err != nil {
			w.errors[err.Error()]++
		} else if err := expect(command.(*redis.IntCmd).Val(), w.acknowledged((i+step*10)%tags)); err != nil {
			wrong = err
		}
	}
	return wrong
}

func push(w *work, i int) error {
	err := rdb.RPush(ctx, key("queue", i), w.done[i]).Err()
	if err == nil {
		w.acknowledged(i)
	}
	return err
}

// Each queue has one consumer, so what is pushed comes out in order.
func pop(queue int) func(*work, int) error {
	return func(w *work, _ int) error {
		said, err := rdb.BLPop(ctx, time.Second, key("queue", queue)).Result()
		if err == redis.Nil {
			return nil
		}
		if err != nil {
			return err
		}
		return expect(said[1], w.acknowledged(0)-1)
	}
}

func report(works, consumers []*work, producer *work) {
	for _, w := range append(append(works, producer), consumers...) {
		sum := 0
		for i, done := range w.done {
			sum += done
			for n, name := range w.names {
				fmt.Println("key", key(name, i), done*(1+n*(w.second-1)))
			}
		}
		fmt.Println("did", w.kind, sum)
		for text, times := range w.errors {
			fmt.Println("error", w.kind, times, strings.Join(strings.Fields(text), " "))
		}
	}
	for queue, w := range consumers {
		fmt.Println("queue", key("queue", queue), producer.done[queue]-w.done[0])
	}
	fmt.Println("end")
}

func main() {
	if len(os.Args) < 2 {
		return
	}
	rdb = redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{os.Args[1]}})
	works := []*work{
		start("SET", tags, single, 1, "set"),
		start("INCR", tags, count, 1, "incr"),
		start("MSET", tags, several, 1, "a", "b"),
		start("MULTI", tags, transaction, 2, "x", "y"),
		start("EVAL", tags, eval, 2, "l", "m"),
		start("pipeline", tags, pipeline, 1, "p"),
	}
	producer := start("RPUSH", queues, push, 1)
	var consumers []*work
	for queue := range queues {
		consumers = append(consumers, start("BLPOP", 1, pop(queue), 1))
	}
	for _, w := range append(append(works, producer), consumers...) {
		for !w.any.Load() {
			time.Sleep(10 * time.Millisecond)
		}
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	fmt.Println("ready")
	<-term
	close(stop)
	all.Wait()
	report(works, consumers, producer)
}
