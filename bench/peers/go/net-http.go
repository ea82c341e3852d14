// Go's own reverse proxy, as its documentation shows it, with the settings that matter tuned: as many idle connections as
// the other peers keep, no compression, buffers that are reused, no log.
package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"time"
)

type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte  { return *b.pool.Get().(*[]byte) }
func (b *buffers) Put(s []byte) { b.pool.Put(&s) }

func main() {
	listen, backend := os.Args[1], os.Args[2]
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: backend})
	proxy.Transport = &http.Transport{
		MaxIdleConns:        0,
		MaxIdleConnsPerHost: 2000,
		IdleConnTimeout:     10 * time.Minute,
		DisableCompression:  true,
	}
	proxy.BufferPool = &buffers{sync.Pool{New: func() interface{} { s := make([]byte, 32<<10); return &s }}}
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	log.Fatal((&http.Server{Addr: listen, Handler: proxy}).ListenAndServe())
}
