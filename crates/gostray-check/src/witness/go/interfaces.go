package witness

// Values for interfaces, and what is listened to.

import (
	gostrayBytes "bytes"
	gostrayErrors "errors"
	gostrayFmt "fmt"
	gostrayIO "io"
	gostrayNet "net"
	gostrayHTTP "net/http"
	gostrayHTTPTest "net/http/httptest"
	gostrayReflect "reflect"
	gostrayStrings "strings"
)

// What the standard library has for interfaces, the least first.
var gostrayKnown = []struct {
	label string
	of    gostrayReflect.Type
	make  func(*gostrayMade) interface{}
}{
	{"httptest.NewRecorder()", gostrayReflect.TypeOf(gostrayHTTPTest.NewRecorder()), func(*gostrayMade) interface{} {
		return gostrayHTTPTest.NewRecorder()
	}},
	{"http.DefaultTransport", gostrayReflect.TypeOf(gostrayHTTP.DefaultTransport), func(*gostrayMade) interface{} {
		return gostrayHTTP.DefaultTransport
	}},
	{"http.NotFoundHandler()", gostrayReflect.TypeOf(gostrayHTTP.NotFoundHandler()), func(*gostrayMade) interface{} {
		return gostrayHTTP.NotFoundHandler()
	}},
	{`strings.NewReader("a\nb\n")`, gostrayReflect.TypeOf(gostrayStrings.NewReader("")), func(*gostrayMade) interface{} {
		return gostrayStrings.NewReader("a\nb\n")
	}},
	{"new(bytes.Buffer)", gostrayReflect.TypeOf(new(gostrayBytes.Buffer)), func(*gostrayMade) interface{} {
		return new(gostrayBytes.Buffer)
	}},
	{"an end of net.Pipe()", gostrayReflect.TypeOf((*gostrayNet.Conn)(nil)).Elem(), (*gostrayMade).conn},
	{"a listener of this machine", gostrayReflect.TypeOf((*gostrayNet.Listener)(nil)).Elem(), (*gostrayMade).listener},
}

// A connection whose other end takes everything and says nothing.
func (m *gostrayMade) conn() interface{} {
	near, far := gostrayNet.Pipe()
	go gostrayIO.Copy(gostrayIO.Discard, far)
	m.ends = append(m.ends, func() {
		near.Close()
		far.Close()
	})
	return near
}

func (m *gostrayMade) listener() interface{} {
	m.needReal = true
	var listener gostrayNet.Listener = gostrayNoListener{}
	if !m.virtual {
		if real, err := gostrayNet.Listen("tcp", "127.0.0.1:0"); err == nil {
			listener = real
		}
	}
	m.ends = append(m.ends, func() { listener.Close() })
	return listener
}

type gostrayNoListener struct{}

func (gostrayNoListener) Accept() (gostrayNet.Conn, error) { return nil, gostrayErrors.New("closed") }

func (gostrayNoListener) Close() error { return nil }

func (gostrayNoListener) Addr() gostrayNet.Addr { return &gostrayNet.TCPAddr{} }

// Of an interface, the first that fits: something of the standard library, or of the package.
func (m *gostrayMade) implementation(t gostrayReflect.Type) (gostrayReflect.Value, string) {
	if t.NumMethod() == 0 {
		return gostrayReflect.ValueOf("a").Convert(t), `"a"`
	}
	for _, known := range gostrayKnown {
		// Asked of the type first: some are made with what has to be ended.
		if !known.of.Implements(t) {
			continue
		}
		return gostrayReflect.ValueOf(known.make(m)).Convert(t), known.label
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
