package witness

// Values for parameters, by their types. Each type has a few, the likeliest to show a leak first.

import (
	gostrayBytes "bytes"
	gostrayContext "context"
	gostrayErrors "errors"
	gostrayFmt "fmt"
	gostrayIO "io"
	gostrayLog "log"
	gostrayHTTP "net/http"
	gostrayHTTPTest "net/http/httptest"
	gostrayReflect "reflect"
	gostrayStrings "strings"
	gostrayTime "time"
	gostrayUnsafe "unsafe"
)

const (
	gostrayMaxCases = 16
	gostrayMaxDepth = 3
)

// The arguments of one call.
type gostrayMade struct {
	choice   []int // of the values for each parameter
	virtual  bool
	needReal bool
	labels   []string
	unknown  []string
	ends     []func()
	context  gostrayContext.Context // the one that all of it shares
	depth    int
}

var (
	gostrayContextType  = gostrayReflect.TypeOf((*gostrayContext.Context)(nil)).Elem()
	gostrayErrorType    = gostrayReflect.TypeOf((*error)(nil)).Elem()
	gostrayDurationType = gostrayReflect.TypeOf(gostrayTime.Duration(0))
	gostrayTimeType     = gostrayReflect.TypeOf(gostrayTime.Time{})
	gostrayRequestType  = gostrayReflect.TypeOf((*gostrayHTTP.Request)(nil))
	gostrayClientType   = gostrayReflect.TypeOf((*gostrayHTTP.Client)(nil))
	gostrayLoggerType   = gostrayReflect.TypeOf((*gostrayLog.Logger)(nil))
)

// Which values are taken together: first the first of each parameter, then the second of each, and so on; then others,
// spread over all that are possible.
func gostrayCases(function gostrayReflect.Type) [][]int {
	sizes := make([]int, function.NumIn())
	all, most := 1, 1
	for i := range sizes {
		sizes[i] = gostrayCount(function.In(i))
		if all < 1<<20 {
			all *= sizes[i]
		}
		if sizes[i] > most {
			most = sizes[i]
		}
	}
	var cases [][]int
	seen := map[string]bool{}
	add := func(choice []int) {
		if name := gostrayFmt.Sprint(choice); !seen[name] && len(cases) < gostrayMaxCases {
			seen[name] = true
			cases = append(cases, choice)
		}
	}
	for n := 0; n < most; n++ {
		choice := make([]int, len(sizes))
		for i := range sizes {
			choice[i] = n % sizes[i]
		}
		add(choice)
	}
	// A step that has no divisor in common with the count comes to each once.
	for n, step := 0, 0; n < all && len(cases) < gostrayMaxCases; n, step = n+1, (step+7919)%all {
		choice, rest := make([]int, len(sizes)), step
		for i := range sizes {
			choice[i], rest = rest%sizes[i], rest/sizes[i]
		}
		add(choice)
	}
	return cases
}

// How many values there are for a type.
func gostrayCount(t gostrayReflect.Type) int {
	switch {
	case t == gostrayContextType || t == gostrayRequestType:
		return 4
	case t == gostrayErrorType:
		return 2
	case t == gostrayDurationType:
		return 3
	}
	switch t.Kind() {
	case gostrayReflect.Bool, gostrayReflect.Slice:
		return 2
	case gostrayReflect.Int, gostrayReflect.Int8, gostrayReflect.Int16, gostrayReflect.Int32, gostrayReflect.Int64:
		return 4 + len(gostrayIntegers)
	case gostrayReflect.Uint, gostrayReflect.Uint8, gostrayReflect.Uint16, gostrayReflect.Uint32, gostrayReflect.Uint64:
		return 3
	case gostrayReflect.String:
		return 3 + len(gostrayTexts)
	case gostrayReflect.Chan, gostrayReflect.Func:
		return 3
	}
	return 1
}

func (m *gostrayMade) arguments(function gostrayReflect.Type) []gostrayReflect.Value {
	arguments := make([]gostrayReflect.Value, function.NumIn())
	for i := range arguments {
		value, label := m.value(function.In(i), m.choice[i])
		arguments[i] = value
		m.labels = append(m.labels, label)
	}
	return arguments
}

// Ends what the caller of a function ends: contexts, channels, what it opened.
func (m *gostrayMade) end() {
	for i := len(m.ends) - 1; i >= 0; i-- {
		m.ends[i]()
	}
	if transport, ok := gostrayHTTP.DefaultTransport.(*gostrayHTTP.Transport); ok && !m.virtual {
		transport.CloseIdleConnections()
	}
}

func (m *gostrayMade) value(t gostrayReflect.Type, choice int) (gostrayReflect.Value, string) {
	m.depth++
	defer func() { m.depth-- }()
	switch t {
	case gostrayContextType:
		ctx, label := m.contextOf(choice)
		return gostrayReflect.ValueOf(&ctx).Elem(), label
	case gostrayRequestType:
		ctx, label := m.contextOf((choice + 2) % 4)
		return gostrayReflect.ValueOf(gostrayHTTPTest.NewRequest("GET", "/", nil).WithContext(ctx)), "a request with " + label
	case gostrayErrorType:
		if choice == 0 {
			err := gostrayErrors.New("failed")
			return gostrayReflect.ValueOf(&err).Elem(), `errors.New("failed")`
		}
		return gostrayReflect.Zero(t), "nil"
	case gostrayDurationType:
		d := []gostrayTime.Duration{gostrayTime.Millisecond, 0, gostrayTime.Hour}[choice%3]
		return gostrayReflect.ValueOf(d), d.String()
	case gostrayTimeType:
		return gostrayReflect.ValueOf(gostrayTime.Now()), "time.Now()"
	case gostrayClientType:
		return gostrayReflect.ValueOf(gostrayHTTP.DefaultClient), "http.DefaultClient"
	case gostrayLoggerType:
		return gostrayReflect.ValueOf(gostrayLog.New(gostrayIO.Discard, "", 0)), "log.New(io.Discard)"
	}
	switch t.Kind() {
	case gostrayReflect.Chan:
		return m.channel(t, choice)
	case gostrayReflect.Func:
		return m.function(t, choice)
	case gostrayReflect.Interface:
		return m.implementation(t)
	case gostrayReflect.Ptr:
		return m.pointer(t)
	case gostrayReflect.Struct:
		return m.structure(t)
	case gostrayReflect.Slice:
		if choice == 1 || m.depth > gostrayMaxDepth {
			return gostrayReflect.MakeSlice(t, 0, 0), t.String() + "{}"
		}
		return m.slice(t)
	case gostrayReflect.Array:
		array := gostrayReflect.New(t).Elem()
		for i := 0; i < t.Len() && i < 16 && m.depth <= gostrayMaxDepth; i++ {
			value, _ := m.value(t.Elem(), i)
			array.Index(i).Set(value)
		}
		return array, t.String() + "{…}"
	case gostrayReflect.Map:
		made := gostrayReflect.MakeMap(t)
		for i := 0; i < 2 && m.depth <= gostrayMaxDepth; i++ {
			key, _ := m.value(t.Key(), i)
			value, _ := m.value(t.Elem(), i)
			made.SetMapIndex(key, value)
		}
		return made, gostrayFmt.Sprintf("%s of %d", t, made.Len())
	}
	return m.simple(t, choice)
}

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

// Of an interface, the first that fits: something of the standard library, or of the package.
func (m *gostrayMade) implementation(t gostrayReflect.Type) (gostrayReflect.Value, string) {
	if t.NumMethod() == 0 {
		return gostrayReflect.ValueOf("a").Convert(t), `"a"`
	}
	for _, known := range []struct {
		label string
		value interface{}
	}{
		{"httptest.NewRecorder()", gostrayHTTPTest.NewRecorder()},
		{"http.DefaultTransport", gostrayHTTP.DefaultTransport},
		{`strings.NewReader("a\nb\n")`, gostrayStrings.NewReader("a\nb\n")},
		{"new(bytes.Buffer)", new(gostrayBytes.Buffer)},
		{`io.NopCloser(strings.NewReader("a\nb\n"))`, gostrayIO.NopCloser(gostrayStrings.NewReader("a\nb\n"))},
		{"http.NotFoundHandler()", gostrayHTTP.NotFoundHandler()},
	} {
		if value := gostrayReflect.ValueOf(known.value); value.Type().Implements(t) {
			return value.Convert(t), known.label
		}
	}
	for _, own := range gostrayTypes {
		for _, candidate := range []gostrayReflect.Type{own, gostrayReflect.PtrTo(own)} {
			if own.Kind() != gostrayReflect.Interface && candidate.Implements(t) && m.depth <= gostrayMaxDepth {
				value, label := m.value(candidate, 0)
				return value.Convert(t), label
			}
		}
	}
	m.unknown = append(m.unknown, t.String())
	return gostrayReflect.Zero(t), "nil"
}

func (m *gostrayMade) pointer(t gostrayReflect.Type) (gostrayReflect.Value, string) {
	if value, label, ok := m.constructed(t); ok {
		return value, label
	}
	if m.depth > gostrayMaxDepth {
		return gostrayReflect.Zero(t), "nil"
	}
	pointer := gostrayReflect.New(t.Elem())
	value, label := m.value(t.Elem(), 0)
	// A lock that is new may be copied.
	pointer.Elem().Set(value)
	return pointer, "&" + label
}

func (m *gostrayMade) structure(t gostrayReflect.Type) (gostrayReflect.Value, string) {
	made := gostrayReflect.New(t).Elem()
	own := gostrayReflect.TypeOf(gostrayMade{}).PkgPath()
	isOther := !gostrayStrings.Contains(gostrayStrings.Split(t.PkgPath(), "/")[0], ".") && t.PkgPath() != own && t.PkgPath() != ""
	if isOther || m.depth > gostrayMaxDepth {
		return made, t.String() + "{}"
	}
	if value, label, ok := m.constructed(t); ok {
		return value, label
	}
	for i := 0; i < t.NumField(); i++ {
		switch field := t.Field(i).Type; field.Kind() {
		case gostrayReflect.Map, gostrayReflect.Chan, gostrayReflect.Func, gostrayReflect.Interface, gostrayReflect.Ptr,
			gostrayReflect.Struct:
			known := len(m.unknown)
			choice := 0
			if field.Kind() == gostrayReflect.Func {
				choice = 1
			}
			value, _ := m.value(field, choice)
			m.unknown = m.unknown[:known]
			gostrayReflect.NewAt(field, gostrayUnsafe.Pointer(made.Field(i).UnsafeAddr())).Elem().Set(value)
		}
	}
	return made, t.String() + "{}"
}

// What a constructor of the package gives, unless it fails.
func (m *gostrayMade) constructed(t gostrayReflect.Type) (value gostrayReflect.Value, label string, ok bool) {
	if m.depth > gostrayMaxDepth {
		return value, "", false
	}
	for _, maker := range gostrayMakers {
		function := gostrayReflect.ValueOf(maker.function)
		of := function.Type()
		if of.NumOut() == 0 || of.NumOut() > 2 || of.Out(0) != t || of.NumOut() == 2 && of.Out(1) != gostrayErrorType {
			continue
		}
		results := m.construct(function)
		if len(results) == 0 || of.NumOut() == 2 && !results[1].IsNil() {
			continue
		}
		if t.Kind() == gostrayReflect.Ptr && results[0].IsNil() {
			continue
		}
		m.endOf(results[0])
		return results[0], maker.name + "(…)", true
	}
	return value, "", false
}

// Whoever opens something closes it.
func (m *gostrayMade) endOf(value gostrayReflect.Value) {
	for _, name := range []string{"Close", "Stop", "Shutdown"} {
		method := value.MethodByName(name)
		if method.IsValid() && method.Type().NumIn() == 0 {
			m.ends = append(m.ends, func() {
				go func() {
					defer func() { recover() }()
					method.Call(nil)
				}()
			})
			return
		}
	}
}

func (m *gostrayMade) construct(function gostrayReflect.Value) (results []gostrayReflect.Value) {
	defer func() {
		if recover() != nil {
			results = nil
		}
	}()
	var arguments []gostrayReflect.Value
	of := function.Type()
	for i := 0; i < of.NumIn(); i++ {
		choice := 0
		if of.In(i) == gostrayContextType {
			choice = 2
		}
		if of.In(i) == gostrayErrorType || of.In(i).Kind() == gostrayReflect.Func {
			choice = 1
		}
		value, _ := m.value(of.In(i), choice)
		arguments = append(arguments, value)
	}
	if of.IsVariadic() {
		arguments[len(arguments)-1] = gostrayReflect.Zero(of.In(len(arguments) - 1))
		return function.CallSlice(arguments)
	}
	return function.Call(arguments)
}

func (m *gostrayMade) slice(t gostrayReflect.Type) (gostrayReflect.Value, string) {
	slice := gostrayReflect.MakeSlice(t, 0, 4)
	var labels []string
	for i := 0; i < 4; i++ {
		var value gostrayReflect.Value
		var label string
		switch t.Elem().Kind() {
		case gostrayReflect.Int, gostrayReflect.Int8, gostrayReflect.Int16, gostrayReflect.Int32, gostrayReflect.Int64:
			value = gostrayReflect.ValueOf(i).Convert(t.Elem())
			label = gostrayFmt.Sprint(i)
		case gostrayReflect.String:
			value = gostrayReflect.ValueOf(gostrayFmt.Sprintf("%c", 'a'+i)).Convert(t.Elem())
			label = gostrayFmt.Sprintf("%q", value.Interface())
		default:
			value, label = m.value(t.Elem(), i%gostrayCount(t.Elem()))
		}
		slice = gostrayReflect.Append(slice, value)
		labels = append(labels, label)
	}
	if label := t.String() + "{" + gostrayStrings.Join(labels, ", ") + "}"; len(label) < 60 {
		return slice, label
	}
	return slice, gostrayFmt.Sprintf("%s of %d", t, slice.Len())
}

var gostrayServer *gostrayHTTPTest.Server

// A server that answers that it does not want to.
func (m *gostrayMade) server() string {
	m.needReal = true
	if m.virtual {
		return ""
	}
	if gostrayServer == nil {
		gostrayServer = gostrayHTTPTest.NewServer(gostrayHTTP.HandlerFunc(func(w gostrayHTTP.ResponseWriter, r *gostrayHTTP.Request) {
			w.WriteHeader(gostrayHTTP.StatusTeapot)
			gostrayFmt.Fprintln(w, "no")
		}))
	}
	return gostrayServer.URL
}
