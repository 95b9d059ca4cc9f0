// Messages that a shard has yet to take, in order. A turn takes as many as it has time for.

internal import Base

/// A queue that gives its memory back when a burst is over.
struct WorkList<Element> {
    /// What an empty queue keeps for the next turn.
    static var idleCapacityMax: Int { 1_024 }

    private var elements: [Element] = []
    private var head = 0

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func append(contentsOf more: [Element]) { elements.append(contentsOf: more) }

    /// Puts one back before all others.
    mutating func putBack(_ element: Element) {
        if head > 0 {
            head -= 1
            elements[head] = element
        } else {
            elements.insert(element, at: 0)
        }
    }

    mutating func popFirst() -> Element? {
        guard head < elements.count else { return nil }
        let element = elements[head]
        head += 1
        if head == elements.count {
            elements.empty()
            head = 0
        } else if head >= Self.idleCapacityMax, head * 2 >= elements.count {
            // At least as many were taken as are moved now.
            elements.removeFirst(head)
            head = 0
        }
        return element
    }

    var isEmpty: Bool { head == elements.count }
    var count: Int { elements.count - head }
}

extension Array {
    /// Removes all elements; keeps the storage unless a burst made it large.
    mutating func empty() {
        removeAll(keepingCapacity: capacity <= WorkList<Element>.idleCapacityMax)
    }
}
