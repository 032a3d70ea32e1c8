package witness

// Values for parameters, by their types. Each type has a few, the likeliest to show a leak first.

import (
	gostrayContext "context"
	gostrayErrors "errors"
	gostrayFmt "fmt"
	gostrayIO "io"
	gostrayLog "log"
	gostrayHTTP "net/http"
	gostrayHTTPTest "net/http/httptest"
	gostrayReflect "reflect"
	gostrayTime "time"
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
