package object

import (
	"encoding/json"
	"fmt"
)

// MaxLabelBytes is how much the labels of a pod may take up to be judged. Label
// values have 63 bytes at most: this is room for hundreds of them. A hostile
// object can have hundreds of thousands.
const MaxLabelBytes = 64 << 10

// NotAText is what is wrong with a label that is, say, a number.
const NotAText = "a label's value is not a string: put it in quotes"

// Labels are the labels of a pod.
type Labels struct {
	Values map[string]string
	// Problem says why they cannot be used; empty when they can.
	Problem string
}

// UnmarshalJSON reads labels of up to MaxLabelBytes.
func (l *Labels) UnmarshalJSON(text []byte) error {
	*l = Labels{}
	if len(text) > MaxLabelBytes {
		l.Problem = fmt.Sprintf("the labels are too large to be checked: %d bytes; accepted: up to %d bytes", len(text), MaxLabelBytes)
		return nil
	}
	if json.Unmarshal(text, &l.Values) != nil {
		l.Problem = NotAText
	}
	return nil
}
