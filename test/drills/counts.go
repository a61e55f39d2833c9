package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// counts is what the API server has counted of its calls to our webhooks for pods: all, and
// those that could not be made or got no answer.
type counts struct{ calls, failed int }

func (c counts) plus(other counts) counts {
	return counts{calls: c.calls + other.calls, failed: c.failed + other.failed}
}

func (c counts) minus(other counts) counts {
	return counts{calls: c.calls - other.calls, failed: c.failed - other.failed}
}

// counted reads the API server's metrics, which begin at nothing when it starts.
func (s *site) counted(ctx context.Context) (c counts, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.rest.Host+"/metrics", nil)
	if err != nil {
		return c, err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return c, err
	}
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return c, fmt.Errorf("read the API server's metrics: %w", err)
	}
	c.calls = sum(families["apiserver_admission_webhook_request_total"], "")
	c.failed = sum(families["apiserver_admission_webhook_rejection_count"], "calling_webhook_error")
	return c, nil
}

// podWebhooks are called when a pod is created.
var podWebhooks = []string{"pods.macvlan-webhook.io", "default-pools.macvlan-webhook.io"}

// sum adds up the counters of these webhooks, of one type of error if it is given.
func sum(family *dto.MetricFamily, errorType string) (total int) {
	for _, metric := range family.GetMetric() {
		ours, fits := false, errorType == ""
		for _, label := range metric.GetLabel() {
			ours = ours || label.GetName() == "name" && slices.Contains(podWebhooks, label.GetValue())
			fits = fits || label.GetName() == "error_type" && label.GetValue() == errorType
		}
		if ours && fits {
			total += int(metric.GetCounter().GetValue())
		}
	}
	return total
}
