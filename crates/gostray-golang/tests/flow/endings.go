package flow

import (
	"log"
	"os"
	"runtime"
	"testing"
)

func deferOne() {
	defer b()
	a()
}

func deferOrder() {
	defer a()
	defer b()
}

func deferConditional() {
	if c() {
		defer a()
	}
	b()
}

func deferEarlyReturn() error {
	if c() {
		return nil
	}
	defer a()
	return fail()
}

func deferInLoop() {
	for c() {
		defer a()
	}
}

func deferClosure() {
	defer func() {
		a()
	}()
	b()
}

func panics() {
	a()
	panic("no")
}

func panicsDeferred() {
	defer a()
	panic("no")
}

func recovers() {
	defer func() {
		recover()
	}()
	panic("no")
}

func recoversThenMore() {
	defer a()
	defer func() {
		if r := recover(); r != nil {
			b()
		}
	}()
	if c() {
		panic("no")
	}
}

func recoversTooEarly() {
	defer func() {
		recover()
	}()
	defer a()
	panic("no")
}

func exits() {
	defer a()
	os.Exit(1)
	b()
}

func logFatal() {
	if c() {
		log.Fatal("no")
	}
	a()
}

func logPanic() {
	log.Panicf("no")
	a()
}

func goexit() {
	defer a()
	runtime.Goexit()
}

func testFatal(t *testing.T) {
	if c() {
		t.Fatal("no")
	}
	a()
}

func testSkip(t *testing.T) {
	t.Skip()
	a()
}

func die() {
	log.Println("dying")
	os.Exit(3)
}

func callsDie() {
	if c() {
		die()
	}
	a()
}

func never() {
	for {
		a()
	}
}

func callsNever() {
	never()
	b()
}

func mayDie() {
	if c() {
		die()
	}
}

func callsMayDie() {
	mayDie()
	b()
}

func recursive() {
	if c() {
		recursive()
	}
}

func exitInCondition() {
	if func() bool { os.Exit(1); return true }() {
		a()
	}
	b()
}

func deferExits() {
	defer os.Exit(1)
	a()
}
