package witness

// Values of types that have no parts: numbers, texts, contexts, channels, functions.

import (
	gostrayContext "context"
	gostrayErrors "errors"
	gostrayFmt "fmt"
	gostrayReflect "reflect"
	gostrayTime "time"
)

func (m *gostrayMade) simple(t gostrayReflect.Type, choice int) (gostrayReflect.Value, string) {
	value := gostrayReflect.New(t).Elem()
	switch t.Kind() {
	case gostrayReflect.Bool:
		value.SetBool(choice%2 == 0)
	case gostrayReflect.Int, gostrayReflect.Int8, gostrayReflect.Int16, gostrayReflect.Int32, gostrayReflect.Int64:
		integers := append([]int64{1, 0, 3, -1}, gostrayIntegers...)
		value.SetInt(integers[choice%len(integers)])
	case gostrayReflect.Uint, gostrayReflect.Uint8, gostrayReflect.Uint16, gostrayReflect.Uint32, gostrayReflect.Uint64:
		value.SetUint([]uint64{1, 0, 3}[choice%3])
	case gostrayReflect.Float32, gostrayReflect.Float64:
		value.SetFloat(1)
	case gostrayReflect.String:
		texts := append([]string{"a", ""}, gostrayTexts...)
		if choice%(len(texts)+1) == len(texts) {
			value.SetString(m.server())
			return value, "the URL of a server that answers 418"
		}
		value.SetString(texts[choice%(len(texts)+1)])
	case gostrayReflect.UnsafePointer, gostrayReflect.Uintptr, gostrayReflect.Complex64, gostrayReflect.Complex128:
		m.unknown = append(m.unknown, t.String())
	}
	return value, gostrayFmt.Sprintf("%#v", value.Interface())
}

func (m *gostrayMade) contextOf(choice int) (gostrayContext.Context, string) {
	ctx, cancel := gostrayContext.WithCancel(gostrayContext.Background())
	m.ends = append(m.ends, cancel)
	switch choice % 4 {
	case 0:
		ctx, cancel = gostrayContext.WithTimeout(ctx, gostrayTime.Millisecond)
		m.ends = append(m.ends, cancel)
		return ctx, "a context that ends after 1ms"
	case 1:
		return gostrayContext.Background(), "context.Background()"
	case 2:
		return ctx, "a context that is cancelled after the call"
	}
	cancel()
	return ctx, "a context that is cancelled"
}

// A channel of the caller: it sends some and closes, or takes all; or has nothing more to say; or is not there.
func (m *gostrayMade) channel(t gostrayReflect.Type, choice int) (gostrayReflect.Value, string) {
	both := gostrayReflect.MakeChan(gostrayReflect.ChanOf(gostrayReflect.BothDir, t.Elem()), 0)
	given := both.Convert(t)
	switch choice % 3 {
	case 1:
		if t.ChanDir()&gostrayReflect.RecvDir != 0 {
			both.Close()
			return given, "a closed channel"
		}
		return given, "a channel that nobody receives from"
	case 2:
		return gostrayReflect.Zero(t), "nil"
	}
	stop := make(chan struct{})
	stopped := gostrayReflect.SelectCase{Dir: gostrayReflect.SelectRecv, Chan: gostrayReflect.ValueOf(stop)}
	m.ends = append(m.ends, func() { close(stop) })
	if t.ChanDir() == gostrayReflect.RecvDir {
		var values []gostrayReflect.Value
		for i := 0; i < 3; i++ {
			value, _ := m.value(t.Elem(), i)
			values = append(values, value)
		}
		go func() {
			defer both.Close()
			for _, value := range values {
				send := gostrayReflect.SelectCase{Dir: gostrayReflect.SelectSend, Chan: both, Send: value}
				if at, _, _ := gostrayReflect.Select([]gostrayReflect.SelectCase{stopped, send}); at == 0 {
					return
				}
			}
		}()
		return given, "a channel that gives three and is closed"
	}
	go func() {
		receive := gostrayReflect.SelectCase{Dir: gostrayReflect.SelectRecv, Chan: both}
		for {
			if at, _, ok := gostrayReflect.Select([]gostrayReflect.SelectCase{stopped, receive}); at == 0 || !ok {
				return
			}
		}
	}()
	return given, "a channel that is received from"
}

// A function that fails where it can, one that does nothing, and one that takes its time.
func (m *gostrayMade) function(t gostrayReflect.Type, choice int) (gostrayReflect.Value, string) {
	fails := t.NumOut() > 0 && t.Out(t.NumOut()-1) == gostrayErrorType && choice%3 == 0
	results := make([]gostrayReflect.Value, t.NumOut())
	for i := range results {
		results[i] = gostrayReflect.Zero(t.Out(i))
		if fails && i == len(results)-1 {
			err := gostrayErrors.New("failed")
			results[i] = gostrayReflect.ValueOf(&err).Elem()
		}
	}
	label := "a function that does nothing"
	if fails {
		label = "a function that fails"
	}
	if choice%3 == 2 {
		label = "a function that takes 100ms"
	}
	return gostrayReflect.MakeFunc(t, func([]gostrayReflect.Value) []gostrayReflect.Value {
		if choice%3 == 2 {
			gostrayTime.Sleep(100 * gostrayTime.Millisecond)
		}
		return results
	}), label
}
