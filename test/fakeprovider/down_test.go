// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider_test

import (
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

func TestAServerThatIsDownRefusesConnectionsUntilItIsUp(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	if err := server.SetScript(fakeprovider.Rule{Tokens: 3}); err != nil {
		t.Fatal(err)
	}
	ask(t, server, plain)
	url := server.URL()
	for range 2 { // going down twice is going down
		if err := server.Down(); err != nil {
			t.Fatal(err)
		}
		if _, err := send(t, server, chatPath, plain); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a server that is down gave %v", err)
		}
	}
	for range 2 {
		if err := server.Up(); err != nil {
			t.Fatal(err)
		}
		if server.URL() != url {
			t.Errorf("it came back as %s, and was %s", server.URL(), url)
		}
	}
	response, content := ask(t, server, plain)
	var got completion
	decode(t, content, &got)
	if response.StatusCode != 200 || got.Usage.CompletionTokens != 3 || len(server.Records()) != 2 {
		t.Errorf("%d, %+v, %d records; want the script and the record of before to be there still",
			response.StatusCode, got.Usage, len(server.Records()))
	}
}

func TestGoingDownBreaksWhatIsUnderWay(t *testing.T) {
	server := start(t, fakeprovider.Options{})
	response, err := send(t, server, chatPath, streamed, fault("stall:2")...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.WaitFor(soon(t), func(r fakeprovider.Record) bool { return r.EventsSent == 2 }); err != nil {
		t.Fatal(err)
	}
	if err := server.Down(); err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(response.Body)
	if err == nil || strings.Contains(string(content), "[DONE]") {
		t.Errorf("the stream ended with %v after %q", err, content)
	}
	if got := server.Records()[0].State; got != fakeprovider.Cancelled {
		t.Errorf("Down returned while the request was %s", got)
	}
}

func TestOnlyAServerThatWasStartedComesUp(t *testing.T) {
	server := fakeprovider.New(fakeprovider.Options{})
	if err := server.Down(); err != nil {
		t.Errorf("Down before Start: %v", err)
	}
	if err := server.Up(); err == nil {
		t.Error("it came up without Start")
	}
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := server.Up(); err == nil {
		t.Error("it came up after Close")
	}
}
