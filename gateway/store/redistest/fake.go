// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package redistest

import (
	"fmt"
	"os"
	"testing"

	"github.com/alicebob/miniredis/v2"
)

// genuine says whether there is a redis-server: it is installed where that is possible. Where there is none, tests that can do
// with an imitation of it in this process get that, loudly, and others are skipped; SPARK_REQUIRE_REDIS=1 fails both, and
// SPARK_FAKE_REDIS=1 asks for the imitation.
func genuine(t testing.TB, imitable bool) bool {
	t.Helper()
	required := os.Getenv("SPARK_REQUIRE_REDIS") == "1"
	err := installed()
	if err == nil && (required || os.Getenv("SPARK_FAKE_REDIS") != "1") {
		return true
	}
	if required {
		t.Fatal(err)
	}
	if err == nil {
		err = fmt.Errorf("SPARK_FAKE_REDIS asks for an imitation of redis-server")
	}
	if !imitable {
		fmt.Fprintf(os.Stderr, "WARNING: %s DOES NOT RUN: %v\n", t.Name(), err)
		t.Skip(err)
	}
	fmt.Fprintf(os.Stderr, "WARNING: %s RUNS AGAINST AN IMITATION: %v\n", t.Name(), err)
	return false
}

// imitate answers on the server's address from within this process.
func (s *Server) imitate() {
	s.t.Helper()
	s.fake = miniredis.NewMiniRedis()
	if err := s.fake.StartAddr(s.Addr); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.fake.Close)
}
