// A reverse proxy on fasthttp's server and HostClient, which keep and reuse their buffers: the fastest that Go offers.
package main

import (
	"log"
	"os"
	"time"

	"github.com/valyala/fasthttp"
)

func main() {
	listen, backend := os.Args[1], os.Args[2]
	client := &fasthttp.HostClient{
		Addr:                          backend,
		MaxConns:                      2000,
		MaxIdleConnDuration:           10 * time.Minute,
		NoDefaultUserAgentHeader:      true,
		DisableHeaderNamesNormalizing: true,
		DisablePathNormalizing:        true,
	}
	server := &fasthttp.Server{
		NoDefaultServerHeader:         true,
		DisableHeaderNamesNormalizing: true,
		Handler: func(ctx *fasthttp.RequestCtx) {
			ctx.Request.Header.Del("Connection")
			if client.Do(&ctx.Request, &ctx.Response) != nil {
				ctx.Response.Reset()
				ctx.SetStatusCode(fasthttp.StatusBadGateway)
			}
			ctx.Response.Header.Del("Connection")
		},
	}
	log.Fatal(server.ListenAndServe(listen))
}
