// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sparkgateway/spark/controllers"
	"github.com/sparkgateway/spark/gateway"
)

const page = "../../docs/metrics.md"

// family is a metric as the code declares it.
type family struct {
	name, help string
	labels     []string
}

// The kinds of metrics.
const (
	counterKind   = "counter"
	gaugeKind     = "gauge"
	histogramKind = "histogram"
)

// kind follows from the name, by Prometheus' conventions; what is gathered is compared with it.
func (f family) kind() string {
	switch {
	case strings.HasSuffix(f.name, "_total"):
		return counterKind
	case strings.HasPrefix(f.name, "gen_ai_"), strings.HasSuffix(f.name, "_duration_seconds"), f.name == "spark_operator_apply_to_programmed_seconds":
		return histogramKind
	default:
		return gaugeKind
	}
}

// unit follows from the name, too.
func (f family) unit() string {
	name := strings.TrimSuffix(f.name, "_total")
	for _, unit := range []string{"seconds", "bytes", "dollars", "ratio"} {
		if strings.HasSuffix(name, "_"+unit) {
			return unit
		}
	}
	if strings.HasSuffix(name, "_tokens") || strings.HasSuffix(name, "_token_usage") {
		return "tokens"
	}
	return ""
}

var descriptor = regexp.MustCompile(`^Desc\{fqName: ("(?:[^"\\]|\\.)*"), help: ("(?:[^"\\]|\\.)*"), (?:unit: "[^"]*", )?constLabels: \{\}, variableLabels: \{([^}]*)\}\}$`)

// declared gives the families of a registry, by name, without those of the language and the process.
func declared(t *testing.T, reg *prometheus.Registry) []family {
	t.Helper()
	all := make(chan *prometheus.Desc)
	go func() {
		reg.Describe(all)
		close(all)
	}()
	var found []family
	for d := range all {
		parts := descriptor.FindStringSubmatch(d.String())
		if parts == nil {
			t.Fatalf("a descriptor of unknown form: %s", d)
		}
		name, err := strconv.Unquote(parts[1])
		if err != nil {
			t.Fatal(err)
		}
		help, err := strconv.Unquote(parts[2])
		if err != nil {
			t.Fatal(err)
		}
		f := family{name: name, help: help}
		if parts[3] != "" {
			f.labels = strings.Split(parts[3], ",")
		}
		found = append(found, f)
	}
	slices.SortFunc(found, func(a, b family) int { return strings.Compare(a.name, b.name) })
	return found
}

// gatewayRegistry is that of a gateway process, which serves nothing yet.
func gatewayRegistry(t *testing.T) *prometheus.Registry {
	t.Helper()
	registry := prometheus.NewRegistry()
	records, err := gateway.OpenLedger("", gateway.Identity{}, registry, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	living := gateway.NewLiving(gateway.LivingOptions{Registry: registry, Ledger: records})
	t.Cleanup(living.Close)
	gateway.NewServer(gateway.Options{Living: living}).RegisterMetrics()
	return registry
}

// operatorRegistry is that of the operator, without what its libraries add.
func operatorRegistry(t *testing.T) *prometheus.Registry {
	t.Helper()
	registry := prometheus.NewRegistry()
	controllers.NewMetrics(registry)
	if err := (controllers.Sight{}).Register(registry); err != nil {
		t.Fatal(err)
	}
	return registry
}

func row(f family) string {
	labels := "–"
	if len(f.labels) > 0 {
		labels = "`" + strings.Join(f.labels, "`, `") + "`"
	}
	unit := f.unit()
	if unit == "" {
		unit = "–"
	}
	return "| `" + f.name + "` | " + f.kind() + " | " + unit + " | " + labels + " | " + strings.ReplaceAll(f.help, "|", `\|`) + " |\n"
}

func table(of []family) string {
	var b strings.Builder
	b.WriteString("| name | type | unit | labels | meaning |\n| --- | --- | --- | --- | --- |\n")
	for _, f := range of {
		b.WriteString(row(f))
	}
	return b.String()
}

// written gives the page with its tables as the code has them, between markers.
func written(t *testing.T, text string, tables map[string]string) string {
	t.Helper()
	for name, rows := range tables {
		begin, end := "<!-- "+name+" -->\n", "<!-- end of "+name+" -->"
		head, rest, ok := strings.Cut(text, begin)
		_, tail, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no place for the table %q", page, name)
		}
		text = head + begin + rows + end + tail
	}
	return text
}

func TestThePageHasEveryMetricAndNoOther(t *testing.T) {
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := written(t, string(raw), map[string]string{
		"gateway": table(declared(t, gatewayRegistry(t))), "operator": table(declared(t, operatorRegistry(t))),
	})
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(raw)); diff != "" {
		t.Errorf("the page has drifted: run 'make generate' (-code +page):\n%s", diff)
	}
}

// A metric that nobody registers, or only under conditions, is one that the page would miss.
func TestEveryNameInTheCodeIsOnThePage(t *testing.T) {
	known := map[string]bool{}
	for _, f := range slices.Concat(declared(t, gatewayRegistry(t)), declared(t, operatorRegistry(t))) {
		known[f.name] = true
	}
	for name, at := range names(t) {
		if !known[name] {
			t.Errorf("%s names the metric %s, which no registry has", at, name)
		}
		delete(known, name)
	}
	for name := range known {
		t.Errorf("%s is in no literal: who searches for it finds nothing", name)
	}
}
