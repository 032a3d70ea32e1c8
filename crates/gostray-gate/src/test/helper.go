
// What gostray adds to the package testing while `gostray test` runs: a label on the goroutine of each
// test, which every goroutine inherits that is started from it, and word of when tests end. Without the
// folder that gostray names, as in a process that a test starts, it does nothing.

const gostrayLabel = "gostray.test"

// Files of a test must not be taken for its inputs, nor variables: so neither os.Open nor os.Getenv.
var gostrayUp, gostrayDown = -1, -1

func gostrayBegin() {
	if gostrayUp < 0 {
		folder, ok := gostraysyscall.Getenv("GOSTRAY_TEST_FOLDER")
		if !ok {
			return
		}
		gostraysyscall.Unsetenv("GOSTRAY_TEST_FOLDER")
		// Only who was started by gostray itself finds them, not what a TestMain starts before it runs its tests.
		parent := gostrayDecimal(gostraysyscall.Getppid())
		up, err := gostraysyscall.Open(folder+"/up."+parent, gostraysyscall.O_WRONLY|gostraysyscall.O_CLOEXEC, 0)
		if err != nil {
			return
		}
		down, err := gostraysyscall.Open(folder+"/down."+parent, gostraysyscall.O_RDONLY|gostraysyscall.O_CLOEXEC, 0)
		if err != nil {
			gostraysyscall.Close(up)
			return
		}
		gostrayUp, gostrayDown = up, down
	}
	gostraySay("begin")
	gostrayWait()
}

// gostrayTest marks what is started from here as a test's; the function that it returns says that the
// test has ended.
func gostrayTest(name string) func() {
	if gostrayUp < 0 || name == "" {
		return func() {}
	}
	gostrayMark(name)
	// Its number, too: what is started with labels of its own still says who started it.
	var trace [32]byte
	line := string(trace[:gostrayruntime.Stack(trace[:], false)])
	id := ""
	for at := len("goroutine "); at < len(line) && '0' <= line[at] && line[at] <= '9'; at++ {
		id += line[at : at+1]
	}
	gostraySay("start " + id + " " + name)
	return func() {
		gostraypprof.SetGoroutineLabels(gostraycontext.Background())
		gostraySay("end " + name)
	}
}

func gostrayMark(name string) {
	labels := gostraypprof.Labels(gostrayLabel, name)
	gostraypprof.SetGoroutineLabels(gostraypprof.WithLabels(gostraycontext.Background(), labels))
}

// gostrayEnd waits until gostray has looked at what the tests left behind.
func gostrayEnd() {
	if gostrayUp < 0 {
		return
	}
	gostrayPlant()
	gostrayAllow(^uintptr(0))
	gostraySay("done")
	for gostrayWait() == 'g' {
		// A word that was left behind somewhere may look like a way to a goroutine: move on, and be looked at again.
		gostrayruntime.GC()
		gostraySay("done")
	}
	gostrayAllow(0)
	gostrayUproot()
}

// gostrayAllow lets any process of the same user look into this one, or none: prctl(PR_SET_PTRACER), where
// Yama would only allow it to parents. Elsewhere it does nothing.
func gostrayAllow(whom uintptr) {
	gostraysyscall.RawSyscall(gostraysyscall.SYS_PRCTL, 0x59616d61, whom, 0)
}

// A leak that has to be found: a goroutine that waits for a channel which nothing leads to but a number
// that nobody takes for a pointer. It is ended before anything else can see it.
var (
	gostrayPlanted uintptr
	gostrayGone    gostrayatomic.Bool
)

//go:noinline
func gostrayPlant() {
	channel := make(chan struct{})
	gostrayGone.Store(false)
	gostrayPlanted = ^*(*uintptr)(gostrayunsafe.Pointer(&channel))
	gostrayMark("gostray.planted")
	go func() {
		<-channel
		gostrayGone.Store(true)
	}()
	gostraypprof.SetGoroutineLabels(gostraycontext.Background())
}

//go:noinline
func gostrayUproot() {
	channel := ^gostrayPlanted
	gostrayPlanted = 0
	close(*(*chan struct{})(gostrayunsafe.Pointer(&channel)))
	for !gostrayGone.Load() {
		gostrayruntime.Gosched()
	}
}

func gostrayDecimal(n int) string {
	text := ""
	for ; n > 0; n /= 10 {
		text = string(rune('0'+n%10)) + text
	}
	return text
}

func gostraySay(line string) {
	bytes := []byte(line)
	if len(bytes) > 4000 { // What is longer is not written at once.
		bytes = bytes[:4000]
	}
	bytes = append(bytes, '\n')
	for {
		if _, err := gostraysyscall.Write(gostrayUp, bytes); err != gostraysyscall.EINTR {
			return
		}
	}
}

// gostrayWait waits for a byte, or for the end of gostray.
func gostrayWait() byte {
	var answer [1]byte
	for {
		if _, err := gostraysyscall.Read(gostrayDown, answer[:]); err != gostraysyscall.EINTR {
			return answer[0]
		}
	}
}
