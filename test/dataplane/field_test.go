// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// shown maps what the field expects of a gateway's streams, errors and headers, and the places where other gateways
// fail, to the tests that show it: each as a folder of the repository and the test's name.
var shown = map[string][]string{
	// Where others fail.
	"[DONE] written after a broken read": {
		"test/dataplane TestNoDONEAfterABrokenRead", "test/dataplane TestABrokenStreamIsNeverDressedAsAWholeOne",
		"gateway/proxy TestAStreamThatIsCutAnywhereIsNeverWhole",
	},
	"a broken stream closed cleanly": {"test/dataplane TestABrokenStreamIsNotClosedCleanly"},
	"usage lost or billed at random when a client disconnects": {
		"test/dataplane TestUsageIsNotLostWhenAClientDisconnects", "test/dataplane TestUsageThatWasToldTooEarlyIsCompleted",
		"test/dataplane TestFiftyStreamsCutHalfWayAreAllCancelledAndCountedOnce", "test/e2e TestStreamsCutHalfWayAreCancelledAndCountedOnce",
	},
	"streamed spend recorded as 0": {
		"test/dataplane TestStreamedSpendIsNotRecordedAsZero", "test/dataplane TestStreamedSpendThatNobodyTellsIsEstimated",
		"gateway/dialect/anthropic TestAUsageOfAnotherShapeSaysNothingAndTheAnswerIsThere",
		"gateway/dialect/gemini TestAUsageOfAnotherShapeSaysNothingAndTheAnswerIsThere",
	},
	"a timeout cleared at response headers, so it never bounds a stream": {
		"test/dataplane TestATimeoutGoesOnBeyondTheResponseHeaders", "gateway/proxy TestSignsOfLifeDoNotProlongASilenceThatIsTooLong",
	},
	"one knob for first token and idle": {"test/dataplane TestFirstTokenAndIdleAreTwoKnobs", "gateway/upstream TestTimeouts"},
	"status that says Programmed when one replica merely exists": {
		"controllers/status TestProgrammed", "test/operator TestOnceProgrammedTheNextRequestOnEveryPodObeys",
		"test/e2e TestProgrammedMeansThatEveryPodObeys", "test/e2e TestASilentPodMakesProgrammedUnknown",
	},
	"a rejected configuration that only a log knows": {
		"test/e2e TestARejectedDocumentIsToldAndRecovers", "test/operator TestWrongInputIsToldOnTheResourceAtFaultUntilItIsMended",
	},
	"configuration that waits for a restart": {
		"test/dataplane TestAConfigurationChangeKeepsBucketsAndObeysTheNewLimit", "test/dataplane TestAChangeUnderLoadFailsNoRequest",
		"controllers/render TestTheTemplateDoesNotChangeWithTheConfiguration", "test/e2e TestEditsUnderLoadDropNothing",
	},
	"fields accepted by the schema and ignored": {
		"controllers/compiler TestContentMovesWithWhatAResourceContributes", "cmd/kubectl-spark/standalone TestTheFullSampleSetsEveryField",
		"test/envtest TestEveryConstraintOfTheSchemasAcceptsAndRejects", "test/dataplane TestWhatCannotBeTranslatedIsRefusedByName",
	},
	"a loser of a name conflict that is not told": {
		"test/operator TestADuplicateModelIsToldToTheYoungerProvider", "controllers/status TestConflictedIsPresentOnlyWhileThereIsAConflict",
	},
	"SSE scanners with a 64 KiB line limit that truncate silently": {
		"gateway/proxy TestLinesBeyond64KiBAreNotTruncated", "gateway/sse TestALineOfOneMebibyteIsOneEvent",
		"gateway/proxy TestAnEventThatIsTooLongBreaksTheStreamOff",
	},
	"limiters that forget their state at every configuration change": {
		"gateway/limit TestEditsOfALimitKeepItsBucket", "test/dataplane TestAConfigurationChangeKeepsBucketsAndObeysTheNewLimit",
	},

	"headers of one attempt leaked to the next": {
		"test/dataplane TestHeadersOfOneAttemptDoNotReachTheNext", "gateway/proxy TestNothingOfOneAttemptReachesTheNext",
	},
	"breakers that forget their state at every configuration change": {
		"test/dataplane TestBreakersOutliveEveryConfigurationChange", "gateway/breaker TestUse",
	},
	"health probes that spend tokens": {"test/dataplane TestHealthChecksSpendNoTokens"},

	// Streams.
	"chat: data lines only, the role first, usage null until the last chunk, [DONE]; Azure's first chunk": {
		"test/dataplane TestChatStreamsBeginWithARoleAndEndWithTheUsage",
	},
	"chat: usage asked for on the gateway's own behalf is never seen": {"test/dataplane TestUsageThatWasNotAskedForIsNotShown"},
	"anthropic: named events in order, content never null, cumulative usage, no [DONE]": {
		"test/dataplane TestAnthropicStreamsKeepTheirOrder",
	},
	"anthropic: ping anywhere":                {"gateway/proxy TestASilentStreamIsKeptAliveAndNothingOfItChanges"},
	"anthropic: error mid-stream after a 200": {"test/dataplane TestABrokenStreamIsNotClosedCleanly"},
	"responses: event and type, sequence_number strictly rising, usage only in the terminal event": {
		"test/dataplane TestResponsesStreamsAreNumberedAndTellTheUsageAtTheEnd",
		"gateway/dialect/responses TestAnErrorEventHasTheNumberThatComesNext", "gateway/dialect TestTheNumberOfTheNextEventIsRead",
	},
	"gemini: an array without alt=sse, events with it; cumulative usageMetadata": {
		"test/dataplane TestGeminiStreamsAreAnArrayOrEventsAndCountOn",
	},
	"bedrock: binary with CRCs": {
		"test/dataplane TestAnEventThatFailsItsChecksumIsAnError", "gateway/eventstream TestEveryChangedByteIsSeen",
	},
	"bedrock: SigV4": {"test/dataplane TestRequestsToBedrockAreSigned"},
	"UTF-8 whole across chunks": {
		"gateway/proxy TestCharactersStayWholeHoweverAStreamIsCut", "test/dataplane TestOddFramingIsRelayedWhole",
	},
	"CRLF, multi-line data, comments": {"gateway/proxy TestOddFramingMeansTheSame", "gateway/sse TestScanner"},
	"silence": {
		"test/dataplane TestASilentStreamIsKeptAlive", "gateway/proxy TestASilentStreamIsKeptAliveAndNothingOfItChanges",
		"gateway/proxy TestAProvidersOwnSignsDoNotLeaveAClientInSilence", "gateway/proxy TestAnAnswerThatIsNotStreamedHasNoSignsOfLife",
	},

	// Errors and headers.
	"errors of each dialect's shape, 529 and request_id and status words among them": {
		"test/dataplane TestErrorsHaveTheShapeOfTheApplicationsDialect", "test/dataplane TestRefusalsHaveTheShapeOfTheApplicationsDialect",
	},
	"retry-after, retry-after-ms, x-should-retry, request ids, processing time and rate limits come back": {
		"test/dataplane TestWhatSDKsRetryByComesBack", "gateway/proxy TestAWaitThatOnlyABodyTellsIsInTheHeaderOfATranslation",
	},
	"x-stainless-* ignored, Idempotency-Key honoured, anthropic-version and anthropic-beta to Anthropic": {
		"test/dataplane TestOnlyWhatConcernsAProviderIsForwarded", "test/dataplane TestWhatGoesUpstreamIsOnlyWhatConcernsTheProvider",
		"test/dataplane TestAnthropicsBetaPathIsServed", "gateway/provider TestOnlyAnthropicsOwnApplicationsSayItsVersion",
	},
	"a client's key forwarded upstream": {"test/dataplane TestAClientsKeyNeverReachesAProvider"},
	"one provider's headers leaked to another answer": {
		"test/dataplane TestHeadersOfOneProviderDoNotLeakIntoTheNextAnswer", "test/dataplane TestWhatComesBackIsOnlyWhatConcernsTheClient",
	},
	"unknown fields and items lost within a dialect": {
		"test/dataplane TestBytesPassThroughWithinADialect", "test/dataplane TestAStreamsBodyChangesOnlyByTheUsageThatIsAskedFor",
	},
}

// notYet are those that wait for what they are about to be built.
var notYet = map[string]string{
	"token limits charged afterwards, so that concurrent requests all pass": "budgets and token limits",
	"limits kept per replica and called global":                             "budgets and token limits",
	"budgets that some endpoints bypass":                                    "budgets and token limits",
	"cache keys made of the last user message alone":                        "the cache",
	"masking that does not work on streams":                                 "sanitizing",
}

// testsIn gives the names of the tests in a folder of the repository, by file.
func testsIn(t *testing.T, folder, pattern string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", folder, pattern))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(content, -1) {
			found[string(match[1])] = filepath.Base(file)
		}
	}
	return found
}

func TestWhatTheFieldExpectsIsShownByTestsThatExist(t *testing.T) {
	for what, tests := range shown {
		if len(tests) == 0 {
			t.Errorf("nothing shows %q", what)
		}
		if later, both := notYet[what]; both {
			t.Errorf("%q is shown, and waits for %s", what, later)
		}
		for _, test := range tests {
			folder, name, _ := strings.Cut(test, " ")
			if _, there := testsIn(t, folder, "*_test.go")[name]; !there {
				t.Errorf("%q is to be shown by %s, which is not in %s", what, name, folder)
			}
		}
	}
}

func TestTestsAboutTheFieldAreInItsIndex(t *testing.T) {
	var listed []string
	for _, tests := range shown {
		listed = append(listed, tests...)
	}
	for _, folder := range []string{"test/dataplane", "gateway/proxy"} {
		found := testsIn(t, folder, "field_*_test.go")
		if len(found) == 0 {
			t.Errorf("no tests in %s", folder)
		}
		for _, name := range slices.Sorted(maps.Keys(found)) {
			if !slices.Contains(listed, folder+" "+name) {
				t.Errorf("%s of %s/%s shows something that is not listed", name, folder, found[name])
			}
		}
	}
}
