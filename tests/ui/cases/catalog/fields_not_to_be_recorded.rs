use std::rc::Rc;

struct Password(String);

#[derive(audit_core::Catalog)]
enum Action {
    #[audit(action = "password.changed", target = "user")]
    PasswordChanged { user: String, password: Password, earlier: Option<Rc<String>> },
    //~ password => a metadata field cannot be of type `Password`
    //~ earlier => a metadata field cannot be of type `Option<Rc<String>>`
}

fn main() {
    drop(Password(String::new()).0);
}
