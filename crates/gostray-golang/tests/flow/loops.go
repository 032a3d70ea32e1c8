package flow

func forever() {
	for {
		a()
	}
}

func foreverEmpty() {
	for {
	}
}

func whileLoop() {
	for c() {
		a()
	}
}

func threeClauses() {
	for i := 0; i < 3; i++ {
		a()
	}
}

func noCondition() {
	for i := 0; ; i++ {
		if c() {
			return
		}
	}
}

func breakLoop() {
	for {
		if c() {
			break
		}
		a()
	}
	b()
}

func continueLoop() {
	for i := 0; i < 3; i++ {
		if c() {
			continue
		}
		a()
	}
}

func labelledBreak() {
outer:
	for {
		for c() {
			if d() {
				break outer
			}
			if e() {
				continue outer
			}
		}
	}
	b()
}

func breakInSwitch() {
	for {
		switch {
		case c():
			break
		}
	}
}

func breakInSelect(done chan int) {
	for {
		select {
		case <-done:
			break
		}
	}
}

func labelledBreakInSelect(done chan int) {
loop:
	for {
		select {
		case <-done:
			break loop
		}
	}
	b()
}

func rangeSlice(s []int) {
	for i, x := range s {
		use(i, x)
	}
}

func rangeChannel(ch chan int) {
	for x := range ch {
		use(x)
	}
	b()
}

func rangeInt() {
	for i := range 3 {
		use(i)
	}
}

func rangeFunc(seq func(func(int) bool)) int {
	for x := range seq {
		if x > 1 {
			return x
		}
	}
	return 0
}

func rangeNothing(ch chan int) {
	for range ch {
	}
}

func rangeContinue(s []int) {
	for range s {
		if c() {
			continue
		}
		a()
	}
}
