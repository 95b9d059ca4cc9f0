import Storage
import Testing

@Suite struct StoreErrorTests {
    @Test func descriptionsSayWhatAndWhy() {
        let error = StoreError.system(operation: "open store.lock", code: 13)
        #expect(error.description == "open store.lock: Permission denied (13)")
        #expect(StoreError.inUse(path: "/data").description.contains("/data"))
    }
}
