package policy

import (
	"encoding/json"
	"fmt"
)

// maxLabelBytes is how much the labels of a pod may take up to be judged. Label
// values have 63 bytes at most: this is room for hundreds of them. A hostile
// object can have hundreds of thousands.
const maxLabelBytes = 64 << 10

// notAText is what is wrong with a label that is, say, a number.
const notAText = "a label's value is not a text: put it in quotes"

// podLabels are the labels of a pod.
type podLabels struct {
	values map[string]string
	// problem says why they cannot be used; empty when they can.
	problem string
}

// UnmarshalJSON reads labels of up to maxLabelBytes.
func (l *podLabels) UnmarshalJSON(text []byte) error {
	*l = podLabels{}
	if len(text) > maxLabelBytes {
		l.problem = fmt.Sprintf("the labels are too large to be judged: %d bytes; accepted: up to %d bytes", len(text), maxLabelBytes)
		return nil
	}
	if json.Unmarshal(text, &l.values) != nil {
		l.problem = notAText
	}
	return nil
}
