package flow

func straight() { a(); b() }

func ifOnly() {
	if c() {
		a()
	}
	b()
}

func ifElse() {
	if x := v(); x > 0 {
		a()
	} else {
		b()
	}
}

func ifElseIf() {
	if c() {
		a()
	} else if d() {
		b()
	} else {
		e()
	}
}

func earlyReturn() error {
	if c() {
		return nil
	}
	a()
	return fail()
}

func shortCircuit() {
	if c() && d() || !c() {
		a()
	}
}

func bothReturn() int {
	if c() {
		return 1
	} else {
		return 2
	}
}

func deadCode() {
	return
	a()
}

func switchTag() {
	switch x := v(); x {
	case 1, 2:
		a()
	case 3:
		b()
	}
}

func switchDefault() {
	switch {
	case c():
		a()
	default:
		b()
	}
}

func switchFallthrough() {
	switch v() {
	case 1:
		a()
		fallthrough
	case 2:
		b()
	default:
		e()
	}
}

func switchBreak() {
	switch v() {
	case 1:
		if c() {
			break
		}
		a()
	}
	b()
}

func switchReturns() int {
	switch v() {
	case 1:
		return 1
	default:
		return 2
	}
}

func switchEmpty() {
	switch {
	}
}

func typeSwitch(x any) {
	switch y := x.(type) {
	case int:
		use(y)
	case nil:
	default:
		a()
	}
}

func labelledBlock() {
out:
	{
		if c() {
			break out
		}
		a()
	}
	b()
}

func gotoForward() {
	if c() {
		goto end
	}
	a()
end:
	b()
}

func gotoBack() {
again:
	a()
	if c() {
		goto again
	}
}

func closureIsAValue() {
	f := func() { return }
	f()
}
