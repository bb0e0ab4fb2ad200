package monitoring

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/controllers"
	"github.com/dunlin-mqtt/dunlin/test/internal/daemon"
)

// patience is how long data may take to come: on a quiet machine it is there after four scrapes.
const patience = 90 * time.Second

// rateInterval takes the place of Grafana's, which is at least four scrapes.
const rateInterval = "8s"

// panelQuery is one query of one panel.
type panelQuery struct{ panel, expr string }

// queries are those of the dashboard, with its variables filled in.
func queries(t *testing.T) []panelQuery {
	t.Helper()
	var d struct {
		Panels []struct {
			Title, Type string
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, dashboardFile)), &d); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("$instance", ".*", "$__rate_interval", rateInterval)
	var all []panelQuery
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			all = append(all, panelQuery{p.Title, fill.Replace(target.Expr)})
		}
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %s has no query", p.Title)
		}
	}
	if len(all) < 20 {
		t.Fatalf("only %d queries", len(all))
	}
	return all
}

// TestDashboard: each query of the dashboard finds data where a broker has traffic. The broker and Prometheus are real;
// the operator's metrics, whose names TestNames holds to the code, are played.
func TestDashboard(t *testing.T) {
	prometheus := program(t, "prometheus")
	health := startBroker(t)
	played := httptest.NewServer(operator())
	defer played.Close()
	base := startPrometheus(t, prometheus, health, strings.TrimPrefix(played.URL, "http://"))

	waiting := queries(t)
	deadline := time.Now().Add(patience)
	again := time.NewTicker(250 * time.Millisecond)
	defer again.Stop()
	for len(waiting) > 0 && time.Now().Before(deadline) {
		<-again.C
		left := waiting[:0]
		for _, q := range waiting {
			switch found, err := query(base, q.expr); {
			case err != nil:
				t.Fatalf("%s: %s: %v", q.panel, q.expr, err)
			case !found:
				left = append(left, q)
			}
		}
		waiting = left
	}
	for _, q := range waiting {
		t.Errorf("%s: no data: %s", q.panel, q.expr)
	}
}

// operator plays the operator's metrics: a step further each time that it is scraped.
func operator() http.Handler {
	var scrapes atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := scrapes.Add(1)
		for _, m := range controllers.MetricInfos() {
			labels := ""
			for _, name := range m.Labels {
				labels += fmt.Sprintf("%s=%q,", name, "x")
			}
			if m.Type == "gauge" {
				fmt.Fprintf(w, "%s{%s} %d\n", m.Name, labels, n)
				continue
			}
			for _, le := range []string{"1", "+Inf"} {
				fmt.Fprintf(w, "%s_bucket{%sle=%q} %d\n", m.Name, labels, le, n)
			}
		}
		fmt.Fprintf(w, "controller_runtime_reconcile_total{controller=\"broker\",result=\"success\"} %d\n", n)
	})
}

// startPrometheus has a Prometheus scrape the targets every second until the test ends; it returns its URL.
func startPrometheus(t *testing.T, program string, targets ...string) string {
	t.Helper()
	dir := t.TempDir()
	config := fmt.Sprintf("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs: [{job_name: dunlin, static_configs: [{targets: [%s]}]}]\n",
		strings.Join(targets, ", "))
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	addr, err := daemon.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	log, err := os.Create(filepath.Join(dir, "prometheus.log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, program, "--config.file="+file, "--storage.tsdb.path="+dir, "--web.listen-address="+addr)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
		_ = log.Close()
		if t.Failed() {
			t.Logf("prometheus said:\n%s", read(t, log.Name()))
		}
	})
	base := "http://" + addr
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for late := time.After(patience); ; {
		if answer, err := http.Get(base + "/-/ready"); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return base
			}
		}
		select {
		case <-again.C:
		case <-late:
			t.Fatal("prometheus is not ready")
		}
	}
}

// query says whether there is a number among the results.
func query(base, expr string) (bool, error) {
	answer, err := http.Get(base + "/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	var got struct {
		Status, Error string
		Data          struct{ Result []struct{ Value [2]any } }
	}
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
		return false, err
	}
	if got.Status != "success" {
		return false, fmt.Errorf("%s", got.Error)
	}
	for _, r := range got.Data.Result {
		if v, err := strconv.ParseFloat(fmt.Sprint(r.Value[1]), 64); err == nil && !math.IsNaN(v) {
			return true, nil
		}
	}
	return false, nil
}
