// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package secure

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sparkgateway/spark/gateway/config"
)

func corsOf(edit func(*config.CORS)) *CORS {
	c := &config.CORS{
		AllowOrigins: []string{"https://*.example.com", "https://app.example.org", "https://port.example.org:443", "http://localhost:3000"},
		AllowMethods: []string{"DELETE", "GET", "POST"}, AllowHeaders: []string{"authorization", "content-type"},
		MaxAge: config.Duration(10 * time.Minute),
	}
	if edit != nil {
		edit(c)
	}
	return NewCORS(c, nil)
}

func TestOriginsAreAllowedAsListed(t *testing.T) {
	tests := map[string]struct {
		origin string
		want   bool
	}{
		"a site":                              {"https://app.example.org", true},
		"a site at a port":                    {"http://localhost:3000", true},
		"a site listed with its own port":     {"https://port.example.org", true},
		"a site below a domain":               {"https://app.example.com", true},
		"a site far below a domain":           {"https://a.b-c.example.com", true},
		"nobody's script":                     {"", true},
		"the domain itself":                   {"https://example.com", false},
		"a site with no name below a domain":  {"https://.example.com", false},
		"another site":                        {"https://evil.example.net", false},
		"a domain that ends alike":            {"https://evilexample.com", false},
		"a domain behind the domain":          {"https://app.example.com.evil.net", false},
		"another scheme":                      {"http://app.example.org", false},
		"another scheme below a domain":       {"http://app.example.com", false},
		"another port":                        {"http://localhost:3001", false},
		"a port below a domain":               {"https://app.example.com:8443", false},
		"a site that begins alike":            {"https://app.example.org.evil.net", false},
		"a path below a domain":               {"https://evil.net/.example.com", false},
		"credentials below a domain":          {"https://evil.net@a.example.com", false},
		"a port in the middle":                {"https://evil.net:1.example.com", false},
		"capitals":                            {"https://APP.example.org", false},
		"a file":                              {"null", false},
		"the list itself":                     {"https://*.example.com", false},
		"a long name":                         {"https://" + strings.Repeat("a", 1<<16) + ".evil.net", false},
		"two origins, as no browser has them": {"https://app.example.org https://app.example.com", false},
	}
	c := corsOf(nil)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := c.Allows([]byte(tc.origin)); got != tc.want {
				t.Errorf("%.60q: %t", tc.origin, got)
			}
		})
	}
	var none *CORS
	if !none.Allows([]byte("https://anybody")) {
		t.Error("without CORS somebody is kept out")
	}
}

func TestAnswersTellOriginsWhatTheyMay(t *testing.T) {
	exposed := strings.Join(written, ", ")
	tests := map[string]struct {
		cors   *CORS
		origin string
		want   recorder
	}{
		"no CORS": {nil, "https://app.example.org", recorder{}},
		"an allowed origin": {corsOf(nil), "https://app.example.org", recorder{
			"Access-Control-Allow-Origin": "https://app.example.org", "Access-Control-Expose-Headers": exposed, "Vary": "Origin",
		}},
		"another origin":        {corsOf(nil), "https://evil.example.net", recorder{"Vary": "Origin"}},
		"no origin, of several": {corsOf(nil), "", recorder{"Vary": "Origin"}},
		"no origin, where there is but one": {corsOf(func(c *config.CORS) { c.AllowOrigins = []string{"https://a.example:443"} }), "", recorder{
			"Access-Control-Allow-Origin": "https://a.example", "Access-Control-Expose-Headers": exposed, "Vary": "Origin",
		}},
		"another origin than the one": {corsOf(func(c *config.CORS) { c.AllowOrigins = []string{"https://a.example"} }), "https://b.example", recorder{"Vary": "Origin"}},
		"no origin, of all below one": {corsOf(func(c *config.CORS) { c.AllowOrigins = []string{"https://*.example.com"} }), "", recorder{"Vary": "Origin"}},
		"every origin": {corsOf(func(c *config.CORS) { c.AllowOrigins = []string{"*"} }), "https://anybody", recorder{
			"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": exposed,
		}},
		"every origin, and none": {corsOf(func(c *config.CORS) { c.AllowOrigins = []string{"*"} }), "", recorder{
			"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": exposed,
		}},
		"credentials and more to see": {corsOf(func(c *config.CORS) { c.AllowCredentials, c.ExposeHeaders = true, []string{"x-mine"} }), "https://app.example.org", recorder{
			"Access-Control-Allow-Origin": "https://app.example.org", "Access-Control-Expose-Headers": exposed + ", x-mine",
			"Access-Control-Allow-Credentials": "true", "Vary": "Origin",
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := recorder{}
			tc.cors.Apply(got, []byte(tc.origin))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPreflightsAreTold(t *testing.T) {
	const more = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
	any := func(c *config.CORS) { c.AllowHeaders = []string{"*"} }
	tests := map[string]struct {
		cors          *CORS
		origin, asked string
		want          recorder
	}{
		"no CORS": {nil, "https://app.example.org", "", recorder{}},
		"an allowed origin": {corsOf(nil), "https://app.example.org", "x-evil", recorder{
			"Access-Control-Allow-Methods": "DELETE, GET, POST", "Access-Control-Allow-Headers": "authorization, content-type",
			"Access-Control-Max-Age": "600", "Vary": more,
		}},
		"another origin": {corsOf(nil), "https://evil.example.net", "authorization", recorder{"Vary": more}},
		"whatever is asked for": {corsOf(any), "https://app.example.org", "authorization,x-api-key", recorder{
			"Access-Control-Allow-Methods": "DELETE, GET, POST", "Access-Control-Allow-Headers": "authorization,x-api-key",
			"Access-Control-Max-Age": "600", "Vary": more,
		}},
		"nothing is asked for": {corsOf(any), "https://app.example.org", "", recorder{
			"Access-Control-Allow-Methods": "DELETE, GET, POST", "Access-Control-Max-Age": "600", "Vary": more,
		}},
		"what is no list is asked for": {corsOf(any), "https://app.example.org", "<script>", recorder{
			"Access-Control-Allow-Methods": "DELETE, GET, POST", "Access-Control-Max-Age": "600", "Vary": more,
		}},
		"too much is asked for": {corsOf(any), "https://app.example.org", strings.Repeat("a", maxAsked+1), recorder{
			"Access-Control-Allow-Methods": "DELETE, GET, POST", "Access-Control-Max-Age": "600", "Vary": more,
		}},
		"no methods and headers, no memory": {corsOf(func(c *config.CORS) { c.AllowMethods, c.AllowHeaders, c.MaxAge = nil, nil, 0 }), "https://app.example.org", "x", recorder{
			"Access-Control-Max-Age": "0", "Vary": more,
		}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := recorder{}
			tc.cors.Preflight(got, []byte(tc.origin), []byte(tc.asked))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAConfiguredVaryStays(t *testing.T) {
	c := NewCORS(&config.CORS{AllowOrigins: []string{"https://a.example"}}, []config.Header{{Name: "Vary", Value: "Accept"}, {Name: "X-A", Value: "b"}})
	got := recorder{}
	c.Apply(got, nil)
	if got["Vary"] != "Accept, Origin" {
		t.Errorf("%q", got["Vary"])
	}
}

func TestWhatIsWrittenIsSortedAndUnique(t *testing.T) {
	for i := 1; i < len(written); i++ {
		if written[i-1] >= written[i] {
			t.Errorf("%q behind %q", written[i], written[i-1])
		}
	}
}

func TestCORSDoesNotAllocate(t *testing.T) {
	c, origin := corsOf(nil), []byte("https://app.example.com")
	if n := testing.AllocsPerRun(100, func() { c.Apply(nothing{}, origin) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCORS(b *testing.B) {
	for name, c := range map[string]*CORS{"none": nil, "some": corsOf(nil)} {
		b.Run("cors="+name, func(b *testing.B) {
			origin := []byte("https://app.example.com")
			b.ReportAllocs()
			for b.Loop() {
				c.Apply(nothing{}, origin)
			}
		})
	}
}
