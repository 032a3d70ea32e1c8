package flow

func send(ch chan int) { ch <- v() }

func receive(ch chan int) { <-ch }

func commaOk(ch chan int) {
	x, ok := <-ch
	if !ok {
		return
	}
	use(x)
}

func selectTwo(x, y chan int) {
	select {
	case v := <-x:
		use(v)
	case y <- 1:
		b()
	}
}

func selectDefault(x chan int) {
	select {
	case <-x:
		a()
	default:
		b()
	}
}

func selectEmpty() {
	select {}
}

func selectReturns(x, done chan int) {
	for {
		select {
		case v, ok := <-x:
			use(v, ok)
		case <-done:
			return
		}
	}
}

func spawn() {
	go a()
	go func() {
		b()
	}()
}
