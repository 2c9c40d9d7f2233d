// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"encoding/json"
	"log/slog"
	"time"

	"github.com/sparkgateway/spark/gateway/config"
	"github.com/sparkgateway/spark/gateway/errortrack"
	"github.com/sparkgateway/spark/gateway/exchange"
	"github.com/sparkgateway/spark/gateway/sanitize/pii"
)

// track counts a request that did not end well.
func (s *Server) track(r *request, end time.Time) {
	ex := &r.ex
	if ex.Outcome == exchange.OK || ex.Outcome == exchange.ClientGone || ex.Reason == exchange.ReasonNotCached {
		return
	}
	message := ""
	if r.told != nil && r.told.Outcome != exchange.ProviderRefused && r.told.Outcome != exchange.ProviderFailed {
		// A provider's own words may quote a prompt.
		message = r.told.Message
	}
	s.living.errors.Record(errortrack.Event{
		Reason: ex.Reason, Outcome: ex.Outcome, Status: ex.Status, UpstreamStatus: ex.UpstreamStatus, Provider: ex.Provider, Target: ex.Target,
		Route: ex.Route, Dialect: r.dialect, Operation: ex.Operation, RequestID: ex.ID, Time: end, Message: message, Cause: ex.Cause,
	})
}

// trackErrors takes up who is told of errors.
func (l *Living) trackErrors(doc *config.Document) {
	if err := l.errors.Use(errortrack.SettingsOf(doc.Core.Gateway.ErrorTracking, doc.Secrets)); err != nil {
		l.log.Warn("errors are not told to Sentry", slog.Any("error", err))
	}
}

// errors serves GET /api/spark/errors: the groups of this pod.
func (r *request) errors() *exchange.Error {
	if !r.ex.Principal.Master {
		return errNotMaster
	}
	body, err := json.Marshal(r.srv.living.errors.Report())
	if err != nil {
		return internal(err)
	}
	r.reply(jsonType, body)
	return nil
}

// Errors says how requests failed, to operators.
func (r Report) Errors() config.ErrorReport {
	report := r.Server.living.errors.Report()
	report.Instance = r.Reloader.instance
	return report
}

// NewTracker gives what groups the errors of a process.
func NewTracker(of Identity, log *slog.Logger) *errortrack.Tracker {
	return errortrack.New(errortrack.Options{
		Gateway: of.Gateway, Instance: of.Pod, Version: of.Version, Logger: log,
		Redact: func(dst, text []byte) []byte {
			out, _ := pii.Redact(dst, text, pii.All)
			return out
		},
	})
}
