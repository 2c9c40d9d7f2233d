// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/sparkgateway/spark/gateway/config"
)

func TestRunTellsItsHealthToMasters(t *testing.T) {
	dir := sampleAt(t, "http://127.0.0.1:1")
	edit(t, filepath.Join(dir, "keys.yaml"), "user: bob", "user: bob\n  role: Master")
	r := start(t, "-f", dir, "--listen", "127.0.0.1:0", "--admin", "")
	url := "http://" + r.until(t, `listening.*applications.*address=(\S+)`)[1]
	look := func() (h config.Health) {
		t.Helper()
		status, body := get(t, url+"/api/spark/health", bobsKey)
		if err := json.Unmarshal([]byte(body), &h); status != http.StatusOK || err != nil {
			t.Fatalf("%d, %v: %s", status, err, body)
		}
		return h
	}
	first := look()
	c := first.Configuration
	if first.Status != config.HealthOK || first.Instance == "" || c.Sequence != 1 || len(c.Revision) != 64 || c.Keys != 2 {
		t.Errorf("%+v of %+v", first, c)
	}
	edit(t, filepath.Join(dir, "keys.yaml"), "user: bob", "user: robert")
	r.until(t, "configuration taken up.*keys=2")
	next := look()
	if next.Configuration.Sequence != 2 || next.Configuration.Revision == c.Revision || next.Instance != first.Instance {
		t.Errorf("after a change: %+v", next.Configuration)
	}
}
